package cli_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/cli"
)

// noon is when all tests run.
var noon = time.Date(2026, 7, 29, 12, 0, 0, 0, time.UTC)

// result is what came of one command line.
type result struct {
	code           int
	stdout, stderr string
}

// person is who types: the world that commands run in.
type person struct {
	root     string
	dir      string
	terminal bool
	env      map[string]string
	ctx      context.Context
	stdout   *buffer
	stderr   *buffer
	exec     func(path string, argv, env []string) error
	exe      string
}

func newPerson(t *testing.T, root string) *person {
	return &person{
		root: root, dir: "/home/ada", ctx: t.Context(), stdout: &buffer{}, stderr: &buffer{},
		env: map[string]string{"LANG": "C.UTF-8"},
	}
}

func (p *person) types(args ...string) result {
	env := map[string]string{"PKGD_ROOT": p.root}
	for k, v := range p.env {
		env[k] = v
	}
	p.stdout.Reset()
	p.stderr.Reset()
	code := cli.Run(args, cli.Env{
		Context: p.ctx, Stdin: strings.NewReader(""), Stdout: p.stdout, Stderr: p.stderr,
		Getenv: func(name string) string { return env[name] }, Environ: os.Environ,
		Now: func() time.Time { return noon }, Dir: p.dir, Executable: p.exe,
		StdoutTerminal: p.terminal, StderrTerminal: p.terminal,
		Width:    func() int { return 80 },
		Patience: 20 * time.Millisecond, Exec: p.exec,
	})
	return result{code, p.stdout.String(), p.stderr.String()}
}

// buffer may be read while a command writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	on func(text string) // called with all there is after every write
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	n, err := b.b.Write(p)
	text, on := b.b.String(), b.on
	b.mu.Unlock()
	if on != nil {
		on(text)
	}
	return n, err
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}
