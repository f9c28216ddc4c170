package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/dirs"
)

// private is a daemon of our own, in a process of its own, on a root that goes
// away with it. Commands that must not touch the host use one.
type private struct {
	app  *app // that talks to it
	root string
	cmd  *exec.Cmd

	exited  chan struct{} // closed when the daemon has ended, with exitErr
	exitErr error
}

// quickHealth makes a private daemon come to its verdicts fast.
const quickHealth = "services: embedded\nhealth:\n  interval: 24h\n  settle: 10s\n  bake: 300ms\n"

// startPrivate starts a daemon and returns when it answers.
func (a *app) startPrivate(ctx context.Context, purpose string) (*private, error) {
	exe, err := a.executable()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp("", "pkgd-"+purpose+"-")
	if err != nil {
		return nil, err
	}
	p := &private{root: root, exited: make(chan struct{})}
	if err := p.start(ctx, a, exe); err != nil {
		return nil, fmt.Errorf("cannot start a daemon under %s: %w", root, joinStop(err, p.stop()))
	}
	return p, nil
}

// joinStop keeps the reason first; what went wrong while cleaning up after it is
// told only where there is something.
func joinStop(err, stop error) error {
	if stop == nil {
		return err
	}
	return fmt.Errorf("%w (and cannot clean up: %v)", err, stop)
}

func (p *private) start(ctx context.Context, a *app, exe string) error {
	d, err := dirs.New(p.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(d.Config()), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(d.Config(), []byte(quickHealth), 0o644); err != nil {
		return err
	}
	log, err := os.Create(p.log())
	if err != nil {
		return err
	}
	defer log.Close() // the daemon has its own
	p.cmd = exec.Command(exe, "run", "--root", p.root)
	p.cmd.Env = append(a.env.Environ(), "NOTIFY_SOCKET=", "LISTEN_FDS=")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	// A Ctrl-C at the terminal is ours: we stop the daemon in good order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.exitErr = p.cmd.Wait()
		close(p.exited)
	}()
	p.app = a.at(d)
	return p.answers(ctx)
}

// at is the same command line for another root.
func (a *app) at(d dirs.Dirs) *app {
	other := *a
	other.dirs = d
	other.client = a.newClient(d)
	return &other
}

// answers waits until the daemon answers or has ended.
func (p *private) answers(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
		case <-p.exited:
			cancel(fmt.Errorf("it ended at once (%v): %s", p.exitErr, p.lastWords()))
		}
	}()
	_, err := p.app.client.System(ctx)
	return err
}

// lastWords is the last line of the daemon's log.
func (p *private) lastWords() string {
	b, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

func (p *private) log() string { return filepath.Join(p.root, "pkgd.log") }

// stopWithin is how long a private daemon may take to end by itself.
const stopWithin = 20 * time.Second

// stop ends the daemon, by its pid, and removes its root.
func (p *private) stop() error {
	if p.cmd != nil && p.cmd.Process != nil {
		if err := p.end(); err != nil {
			return err
		}
	}
	return removeTree(p.root)
}

func (p *private) end() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopWithin):
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// removeTree removes a tree whose folders may be read-only, as revisions are.
func removeTree(root string) error {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(root)
}
