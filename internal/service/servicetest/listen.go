package servicetest

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/service"
)

// listenWord as first argument makes the test program a service that listens.
const listenWord = "servicetest-listen"

// Main is called first in TestMain of a package that runs the suite: the suite
// uses the test program itself as a service, for which Main does not return.
func Main() {
	if len(os.Args) == 5 && os.Args[1] == listenWord {
		if err := listen(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// listen waits at the gate, listens and goes on until TERM.
func listen(network, address, gate string) error {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if err := passGate(gate); err != nil {
		return err
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	<-term
	return nil
}

// passGate waits until there is something to read.
func passGate(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.Read(make([]byte, 1))
	return err
}

// listener is a service that listens on the address once the gate's path can be
// read.
func (h *house) listener(name, network, address, gate string) service.Unit {
	h.t.Helper()
	u := h.unit(name, "")
	program := filepath.Join(u.Confine.Root, "listen")
	copyProgram(h.t, program)
	u.Command = []string{program, listenWord, network, address, gate}
	return u
}

// copyProgram puts the test program where a service may read it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	if os.Link(self, to) == nil {
		return
	}
	b, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o755))
}
