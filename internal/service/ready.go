package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
)

// How often a Ready condition is tried: soon at first, since a stopped service
// is downtime, and then less and less often.
const (
	minProbeDelay = 5 * time.Millisecond
	maxProbeDelay = 100 * time.Millisecond
	probeTimeout  = 5 * time.Second // of one connection
)

// ReadyTimeout is how long Start waits for the unit to be ready; 0 when it
// names no condition.
func (u Unit) ReadyTimeout() time.Duration {
	switch {
	case u.Ready == nil:
		return 0
	case u.Ready.Timeout <= 0:
		return DefaultReadyTimeout
	}
	return u.Ready.Timeout
}

// AwaitReady tries the unit's Ready condition until it holds, and returns nil,
// or until ctx ends, and returns what the last try said. run runs the exec
// condition's command as the service itself would run.
//
// Variables of the unit's own environment in tcp and unix are put in
// ($PKG_DATA/web.sock), a unix socket's path is relative to the working
// directory, and a tcp address without a host is this host's.
func AwaitReady(ctx context.Context, u Unit, run func(ctx context.Context, argv []string) error) error {
	delay := minProbeDelay
	for {
		err := u.probe(ctx, run)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(delay):
		}
		delay = min(2*delay, maxProbeDelay)
	}
}

// probe tries all conditions that the unit names, once.
func (u Unit) probe(ctx context.Context, run func(ctx context.Context, argv []string) error) error {
	if u.Ready == nil {
		return nil
	}
	if a := u.Ready.TCP; a != "" {
		if err := dial(ctx, "tcp", tcpAddress(u.expand(a))); err != nil {
			return err
		}
	}
	if a := u.Ready.Unix; a != "" {
		if err := dial(ctx, "unix", u.inDir(u.expand(a))); err != nil {
			return err
		}
	}
	if u.Ready.Exec == "" {
		return nil
	}
	argv, err := u.readyCommand()
	if err == nil {
		err = run(ctx, argv)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", u.Ready.Exec, err)
	}
	return nil
}

// readyCommand is the exec condition's command, its program relative to the
// revision's root.
func (u Unit) readyCommand() ([]string, error) {
	argv, err := pkginfo.SplitCommand(u.Ready.Exec)
	if err != nil {
		return nil, err
	}
	if root := cmp.Or(u.Confine.Root, u.Dir); !filepath.IsAbs(argv[0]) {
		argv[0] = filepath.Join(root, argv[0])
	}
	return argv, nil
}

func dial(ctx context.Context, network, address string) error {
	d := net.Dialer{Timeout: probeTimeout}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return shortDialError(network, address, err)
	}
	return c.Close()
}

// shortDialError says "tcp 127.0.0.1:80: connection refused".
func shortDialError(network, address string, err error) error {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		err = sys.Err
	}
	return fmt.Errorf("%s %s: %w", network, address, err)
}

func tcpAddress(a string) string {
	if !strings.Contains(a, ":") {
		return net.JoinHostPort("127.0.0.1", a)
	}
	if strings.HasPrefix(a, ":") {
		return "127.0.0.1" + a
	}
	return a
}

func (u Unit) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(u.Dir, path)
}

// expand puts the unit's own variables into s; others are left as they stand.
func (u Unit) expand(s string) string {
	return os.Expand(s, func(name string) string {
		for _, kv := range u.Env {
			if k, v, _ := strings.Cut(kv, "="); k == name {
				return v
			}
		}
		return "$" + name
	})
}
