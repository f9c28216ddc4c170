package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// crowd is how many connections ask at a time. Each is kept.
const crowd = 16

// loaded is what came of asking for a while.
type loaded struct {
	perSecond float64
	p99       float64 // µs
}

// load asks for a path for as long.
func load(address, path string, window time.Duration) (loaded, error) {
	var all sync.WaitGroup
	var times [crowd][]float64
	var errs [crowd]error
	began := time.Now()
	for i := range crowd {
		all.Go(func() { times[i], errs[i] = askUntil(address, path, began.Add(window)) })
	}
	all.Wait()
	took := time.Since(began)
	var answers []float64
	for i := range crowd {
		if errs[i] != nil {
			return loaded{}, errs[i]
		}
		answers = append(answers, times[i]...)
	}
	return loaded{float64(len(answers)) / took.Seconds(), quantile(answers, 0.99)}, nil
}

func askUntil(address, path string, end time.Time) (times []float64, err error) {
	a, err := newAsker(address, path)
	if err != nil {
		return nil, err
	}
	defer a.conn.Close()
	for now := time.Now(); now.Before(end); {
		if err := a.ask(); err != nil {
			return nil, err
		}
		then := now
		now = time.Now()
		times = append(times, float64(now.Sub(then))/float64(time.Microsecond))
	}
	return times, nil
}

// ask asks so often on one connection.
func ask(address, path string, times int) (int, error) {
	a, err := newAsker(address, path)
	if err != nil {
		return 0, err
	}
	defer a.conn.Close()
	for n := range times {
		if err := a.ask(); err != nil {
			return n, err
		}
	}
	return times, nil
}

// asker does no more for an answer than it has to: what it costs, both sides of a
// comparison have to bear.
type asker struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
}

func newAsker(address, path string) (*asker, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &asker{conn, bufio.NewReader(conn), []byte("GET " + path + " HTTP/1.1\r\nHost: pkgd\r\n\r\n")}, nil
}

var contentLength = []byte("Content-Length: ")

func (a *asker) ask() error {
	if _, err := a.conn.Write(a.request); err != nil {
		return err
	}
	if err := a.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	status, err := a.in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return fmt.Errorf("answered with %q", status)
	}
	length := -1
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		_, err = a.chunks()
		return err
	}
	_, err = a.in.Discard(length)
	return err
}

// chunks reads a body whose length nobody knew before.
func (a *asker) chunks() (n int, err error) {
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return n, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return n, err
		}
		if _, err := a.in.Discard(int(size) + 2); err != nil || size == 0 {
			return n, err
		}
		n += int(size)
	}
}

// bareHTTP serves what a URL gives, bytes and headers, by the least that net/http
// can do, and answers each line with its address. Its argument is the URL.
func bareHTTP(args []string) error {
	h, err := bareHandler(args[0])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	// Serve ends with the listener, and this program with its stdin.
	go func() { _ = http.Serve(l, h) }()
	return answerLines(func() string { return l.Addr().String() })
}

// bareHandler gives what a URL gives, and does nothing for it.
func bareHandler(url string) (http.Handler, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Header.Del("Date")
	resp.Header.Del("Content-Length")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		_, _ = w.Write(body)
	}), nil
}
