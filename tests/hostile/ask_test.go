package hostile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// request is one that somebody makes, and answer what came of it.
type (
	request struct{ Method, Path, Body string }
	answer  struct {
		Status int
		Body   string
	}
)

// exchange makes a request on a connection of its own.
func exchange(dial func() (net.Conn, error), q request) (answer, error) {
	c, err := dial()
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // ends what hangs
	_, err = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", q.Method, q.Path, len(q.Body), q.Body)
	if err != nil {
		return answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: q.Method})
	if err != nil {
		return answer{}, err
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "event-stream") {
		return answer{Status: resp.StatusCode}, nil // does not end
	}
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(b)}, err
}

// play is what the test binary does as somebody else's process:
//
//	ask SOCKET QUESTIONS ANSWERS     makes the requests that a file holds
//	orphan SOCKET QUESTIONS ANSWERS  does so in a process that has washed off its
//	                                 environment, its session and its parent
//	wait SOCKET QUESTIONS ANSWERS    does so whenever the file is there
func play(args []string) {
	what, rest := args[0], args[1:]
	switch what {
	case "ask":
		askAll(rest[0], rest[1], rest[2])
	case "orphan":
		cmd := exec.Command("/proc/self/exe", append([]string{"play", "orphaned", strconv.Itoa(os.Getpid())}, rest...)...)
		cmd.Env = []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
		}
	case "orphaned":
		for strconv.Itoa(os.Getppid()) == rest[0] {
			runtime.Gosched()
		}
		askAll(rest[1], rest[2], rest[3])
	case "wait":
		for range time.Tick(20 * time.Millisecond) {
			if _, err := os.Stat(rest[1]); err == nil {
				askAll(rest[0], rest[1], rest[2])
			}
		}
	}
}

// askAll answers a file of requests, and removes it.
func askAll(socket, questions, answers string) {
	b, err := os.ReadFile(questions)
	if err != nil {
		fmt.Println(err)
		return
	}
	var asked []request
	if err := json.Unmarshal(b, &asked); err != nil {
		fmt.Println(err)
		return
	}
	var got []answer
	for _, q := range asked {
		a, err := exchange(func() (net.Conn, error) { return net.Dial("unix", socket) }, q)
		if err != nil {
			a.Body = err.Error()
		}
		got = append(got, a)
	}
	_ = os.Remove(questions)
	if b, err = json.Marshal(got); err == nil {
		err = writeWhole(answers, b)
	}
	if err != nil {
		fmt.Println(err)
	}
}

// writeWhole lets a reader find all or nothing.
func writeWhole(path string, b []byte) error {
	temp := filepath.Join(filepath.Dir(path), ".part")
	if err := os.WriteFile(temp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
