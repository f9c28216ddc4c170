package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Env is the world that a command runs in. Nothing in this package reaches for
// the process's own.
type Env struct {
	Context context.Context // ends when the person interrupts
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Getenv  func(string) string
	Environ func() []string
	Now     func() time.Time

	Dir        string // that relative paths are relative to
	Executable string // pkgd itself, for commands that start a daemon of their own

	StdoutTerminal bool
	StderrTerminal bool
	Width          func() int // columns of the terminal; 0 where there is none

	// Patience is how long to wait for a daemon that is just starting; 0 is the
	// client's own.
	Patience time.Duration
	// Exec replaces this process by a program.
	Exec func(path string, argv, env []string) error
}

// System is the world of a real process.
func System() Env {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends us the hard way
	dir, _ := os.Getwd()
	exe, _ := os.Executable()
	return Env{
		Context: ctx, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ, Now: time.Now,
		Dir: dir, Executable: exe,
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Width:          terminalWidth,
		Exec:           syscall.Exec,
	}
}

func terminalWidth() int {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}
