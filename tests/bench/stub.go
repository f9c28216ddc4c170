package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os/signal"
	"syscall"
)

const (
	ctlAnswer   = `{"stdout":"","stderr":"","exit-code":0}`
	stubMessage = "HTTP/1.0 200 OK\r\nContent-Length: 39\r\n\r\n" + ctlAnswer
)

// stubCtl is the least that can stand behind ctl: it reads what comes first and
// sends the same to everybody. Its argument is the socket.
func stubCtl(args []string) error {
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	defer l.Close()
	go answerAll(l)
	return answerLines(func() string { return "" })
}

// answerAll answers on l until it is closed.
func answerAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go answerCtl(conn)
	}
}

func answerCtl(conn net.Conn) {
	defer conn.Close()
	var request [4096]byte
	if _, err := conn.Read(request[:]); err == nil {
		_, _ = io.WriteString(conn, stubMessage)
	}
}

// stubDaemon is the least Go program that answers HTTP on a unix socket until
// SIGTERM. Its argument is the socket.
func stubDaemon(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	srv := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"type":"sync","status-code":200}`)
	})}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
