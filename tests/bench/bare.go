package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// bare runs packages' hooks with os/exec and a pipe for their output, and does
// nothing else that pkgd does.
type bare struct {
	folder string // of the package trees
	bin    string // folder of ctl
	socket string // where ctl asks

	rulesets []*osutil.Ruleset // by package; nil: hooks are not confined
}

func (b *bare) tree(n int) string { return filepath.Join(b.folder, packageName(n)) }

// environment has what a hook is given, in number and length.
func (b *bare) environment(tree, name string) []string {
	data := filepath.Join(tree, "data")
	env := []string{"PATH=" + b.bin + ":" + filepath.Join(tree, "bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	env = append(env, "HOME="+data, "TMPDIR="+data, "LANG=C.UTF-8", "PKGD_CTL_SOCKET="+b.socket)
	const cookie = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, prefix := range []string{"PKG", "SNAP"} {
		env = append(env, prefix+"="+tree, prefix+"_NAME="+name, prefix+"_REVISION=1", prefix+"_VERSION=1",
			prefix+"_DATA="+data, prefix+"_COMMON="+data, prefix+"_COOKIE="+cookie)
	}
	return append(env, "SNAP_INSTANCE_NAME="+name, "SNAP_CONTEXT="+cookie, "PKG_HOOK=check-health", "PKG_HEALTH_PHASE=rest")
}

// run runs the hook of the nth package.
func (b *bare) run(n int) error {
	if b.rulesets == nil {
		return b.execHook(b.tree(n), packageName(n))
	}
	done := make(chan error)
	go func() { done <- b.confined(n) }()
	return <-done
}

func (b *bare) execHook(tree, name string) error {
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(tree, "meta/hooks/check-health"))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = tree, b.environment(tree, name), &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("hook of %s: %w: %s", name, err, out.String())
	}
	return nil
}

// confined runs the hook from a thread that is confined and ends with it: the
// cheapest way there is.
func (b *bare) confined(n int) error {
	runtime.LockOSThread() // and never unlocked
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if r := b.rulesets[n]; r != nil {
		if err := r.RestrictThread(); err != nil {
			return err
		}
	}
	return b.execHook(b.tree(n), packageName(n))
}

// confine prepares the sandboxes of n packages.
func (b *bare) confine(n int) error {
	d, err := dirs.New(filepath.Join(b.folder, "root"))
	if err != nil {
		return err
	}
	for i := range n {
		data := filepath.Join(b.tree(i), "data")
		if err := os.MkdirAll(data, 0o755); err != nil {
			return err
		}
		s := osutil.Sandbox{Dirs: d, Root: b.tree(i), Writable: []string{data}, Ctl: filepath.Join(b.bin, "ctl")}
		r, err := s.Ruleset()
		if err != nil {
			return err
		}
		b.rulesets = append(b.rulesets, r)
	}
	return nil
}

// bareSweep runs the hooks of COUNT packages once, as many at a time as pkgd
// does. Arguments: FOLDER BIN SOCKET COUNT.
func bareSweep(args []string) error {
	b := &bare{folder: args[0], bin: args[1], socket: args[2]}
	count, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	var next atomic.Int64
	errs := make([]error, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for w := range errs {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < count && errs[w] == nil; n = int(next.Add(1)) - 1 {
				errs[w] = b.run(n)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// How barePace runs hooks.
const (
	paceBare      = "bare"
	paceConfined  = "confined"
	paceAnswering = "answering" // confined, and with the stub behind ctl in the same process
)

// barePace runs hooks one after the other, one in every EVERY, and answers each
// line with the number of runs so far. Arguments: FOLDER BIN SOCKET COUNT EVERY
// HOW.
func barePace(args []string) error {
	b := &bare{folder: args[0], bin: args[1], socket: args[2]}
	count, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	every, err := time.ParseDuration(args[4])
	if err != nil {
		return err
	}
	if err := b.prepare(args[5], count); err != nil {
		return err
	}
	var runs atomic.Int64
	go func() {
		for range time.Tick(every) {
			if err := b.run(int(runs.Load()) % count); err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				os.Exit(1)
			}
			runs.Add(1)
		}
	}()
	return answerLines(func() string { return strconv.FormatInt(runs.Load(), 10) })
}

func (b *bare) prepare(how string, count int) error {
	if how == paceAnswering {
		b.socket += "-own"
		l, err := net.Listen("unix", b.socket)
		if err != nil {
			return err
		}
		go answerAll(l)
	}
	if how == paceBare {
		return nil
	}
	return b.confine(count)
}
