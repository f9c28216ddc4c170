package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// roles are what this program can be instead of the bench itself. Each gets its
// arguments, and a line for every line that it is sent; its stdin's end ends it.
var roles = map[string]func(args []string) error{
	"stub-ctl":    stubCtl,
	"stub-daemon": stubDaemon,
	"sweep":       bareSweep,
	"pace":        barePace,
	"bare-http":   bareHTTP,
}

// role is this program in a role, as a process of its own.
type role struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func roleCommand(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{"role", name}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// enter starts a role and waits until it says that it is ready.
func enter(name string, args ...string) (*role, error) {
	r := &role{cmd: roleCommand(name, args...)}
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := r.read(); err != nil {
		r.leave()
		return nil, fmt.Errorf("role %s does not start: %w", name, err)
	}
	return r, nil
}

func (r *role) pid() int { return r.cmd.Process.Pid }

func (r *role) read() (string, error) {
	line, err := r.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// ask sends a line and gives the one that comes back.
func (r *role) ask() (string, error) {
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		return "", err
	}
	return r.read()
}

// leave ends the role; what it says of its end is not asked.
func (r *role) leave() {
	_ = r.in.Close()
	_ = r.cmd.Wait()
}

// answerLines is a role's own side: it says that it is ready, then answers every
// line until there are no more.
func answerLines(answer func() string) error {
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	for {
		_, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println(answer())
	}
}
