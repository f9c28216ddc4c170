package osutil_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
)

// aboutItself is what a program can say of how it was started, without what is
// different each time.
const aboutItself = `
	read begin
	pwd; env; umask; ulimit -a; echo files: $(ulimit -n)
	grep -E '^(Uid|Gid|Groups|Sig[BIC]|ShdPnd|Cap|NoNewPrivs|Seccomp)' /proc/self/status
	cut -d' ' -f19 /proc/$$/stat
	cat /proc/$$/oom_score_adj /proc/$$/timerslack_ns /proc/$$/autogroup 2>/dev/null | sed 's/autogroup-[0-9]*/autogroup/'
	ionice -p $$
	ls /proc/$$/fd
	[ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo has a session
	cat "$MINE" "$OTHERS" 2>&1
	`

// said is what a program that s starts says of itself.
func said(t *testing.T, s osutil.Spec) string {
	t.Helper()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	begin, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Path, s.Args = "/bin/sh", []string{"-c", aboutItself}
	s.Stdin, s.Stdout, s.Stderr = begin, w, w
	p, err := osutil.Start(context.Background(), s)
	begin.Close()
	w.Close()
	in.Close() // some bounds are set right after the start
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(out)
	<-p.Done()
	return string(text)
}

func writeFile(t *testing.T, path string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("words of "+filepath.Base(path)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// specsOfAllKinds start what stays in the bounds that Spec knows, one by one and
// all together.
func specsOfAllKinds(t *testing.T) map[string]osutil.Spec {
	root, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := dirs.New(filepath.Join(root, "host"))
	if err != nil {
		t.Fatal(err)
	}
	mine, others := writeFile(t, filepath.Join(root, "a/mine")), writeFile(t, filepath.Join(root, "b/others"))
	ruleset, err := osutil.Sandbox{Dirs: d, Root: filepath.Dir(mine), OwnSignals: true}.Ruleset()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ruleset.Close)
	plain := osutil.Spec{Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "MINE=" + mine, "OTHERS=" + others}}
	kinds := map[string]osutil.Spec{"plain": plain}
	add := func(kind string, with func(*osutil.Spec)) {
		s, all := plain, kinds["all"]
		with(&s)
		if all.Env == nil {
			all = plain
		}
		with(&all)
		kinds[kind], kinds["all"] = s, all
	}
	add("in a folder", func(s *osutil.Spec) { s.Dir = filepath.Dir(mine) })
	add("gentle", func(s *osutil.Spec) { s.Nice, s.IOIdle = 10, true })
	add("without new privileges", func(s *osutil.Spec) { s.NoNewPrivs = true })
	add("confined", func(s *osutil.Spec) { s.Landlock = ruleset })
	add("first to be killed", func(s *osutil.Spec) { s.OOMScoreAdj = 300 })
	if nobody, err := osutil.LookupUser("nobody"); err == nil && os.Geteuid() == 0 {
		nobody.Groups = append(nobody.Groups, 12345)
		add("another user's", func(s *osutil.Spec) { s.User = nobody })
	}
	// Not for all together: without vfork, another user's program is bounded from
	// outside, for which a capability is needed that root lacks in a container.
	little := plain
	little.Limits.Memory = 1 << 30
	kinds["of little memory"] = little
	return kinds
}

// The kernel is asked in two ways to start a program in its bounds, by vfork where
// that can be. What comes of it must be the same.
func TestBoundsAreTheSameHoweverAProgramIsStarted(t *testing.T) {
	if !osutil.CanVfork() {
		t.Skip("there is one way only on this host")
	}
	for kind, s := range specsOfAllKinds(t) {
		t.Run(kind, func(t *testing.T) {
			got := said(t, s)
			defer osutil.WithoutVfork()()
			if want := said(t, s); got != want {
				t.Errorf("by vfork:\n%s\notherwise:\n%s", got, want)
			}
			if !strings.Contains(got, "words of mine") || !strings.Contains(got, "has a session") {
				t.Errorf("it says:\n%s", got)
			}
			if seesOthers := strings.Contains(got, "words of others"); seesOthers != (s.Landlock == nil) {
				t.Errorf("it says:\n%s", got)
			}
		})
	}
}

// bothWays runs a test with vfork and without it.
func bothWays(t *testing.T, test func(t *testing.T)) {
	t.Run("by vfork", test)
	t.Run("without vfork", func(t *testing.T) {
		defer osutil.WithoutVfork()()
		test(t)
	})
}

func TestProgramThatCannotBeStartedLeavesNothing(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		refused := map[string]osutil.Spec{
			"no such file":   {Path: "/no/such"},
			"not executable": {Path: "/etc/passwd"},
			"no such folder": {Path: "/bin/sh", Dir: "/no/such"},
			"a file that may not be opened in its sandbox": {Path: writeFile(t, filepath.Join(t.TempDir(), "x"))},
		}
		before, _ := os.ReadDir("/proc/self/fd")
		for kind, s := range refused {
			_, err := osutil.Start(context.Background(), s)
			var errno syscall.Errno
			if !errors.As(err, &errno) || errno != syscall.ENOENT && errno != syscall.EACCES {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if after, _ := os.ReadDir("/proc/self/fd"); len(after) > len(before) {
			t.Errorf("%d descriptors became %d", len(before), len(after))
		}
		if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
			t.Errorf("a child is left: %v", err)
		}
	})
}

func TestTextThatIsNoneIsRefused(t *testing.T) {
	bothWays(t, func(t *testing.T) {
		for _, s := range []osutil.Spec{
			{Path: "/bin/\x00sh"},
			{Path: "/bin/sh", Dir: "/\x00"},
			{Path: "/bin/sh", Args: []string{"a\x00b"}},
			{Path: "/bin/sh", Env: []string{"A=\x00"}},
		} {
			if _, err := osutil.Start(context.Background(), s); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%+v: %v", s, err)
			}
		}
	})
}

// Go lets this process have more open files than it was given. Programs that use
// select(2) break where they inherit that.
func TestProgramsMayHaveAsManyFilesAsPkgdWasGiven(t *testing.T) {
	const given = 123
	if os.Getenv("GIVEN_FILES") != "" {
		bothWays(t, func(t *testing.T) {
			out := said(t, osutil.Spec{Env: []string{"PATH=/usr/bin:/bin"}})
			fmt.Print(out)
		})
		return
	}
	run := fmt.Sprintf("ulimit -Sn %d; exec %s -test.run=%s -test.v", given, os.Args[0], t.Name())
	cmd := exec.Command("/bin/sh", "-c", run)
	cmd.Env = append(os.Environ(), "GIVEN_FILES=yes")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), fmt.Sprintf("files: %d\n", given)) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The child shares this process's memory, of which the garbage collector and
// others make use meanwhile.
func TestProgramsAreStartedWhileMemoryIsCollected(t *testing.T) {
	stop := make(chan struct{})
	var busy, starters sync.WaitGroup
	for range 2 {
		busy.Go(func() {
			for kept := [][]byte{}; ; kept = append(kept[max(0, len(kept)-100):], make([]byte, 10_000)) {
				select {
				case <-stop:
					return
				default:
				}
				runtime.GC()
			}
		})
	}
	for range 4 {
		starters.Go(func() {
			for i := range 50 {
				p, err := osutil.Start(context.Background(), osutil.Spec{
					Path: "/bin/sh", Args: []string{"-c", fmt.Sprintf(`[ "$A" = %d ] && exit %d`, i, i+1)},
					Env: []string{fmt.Sprintf("A=%d", i)}, Nice: 1, NoNewPrivs: true,
				})
				if err != nil {
					t.Error(err)
					return
				}
				if <-p.Done(); p.Exit().Code != i+1 {
					t.Errorf("%+v instead of %d", p.Exit(), i+1)
				}
			}
		})
	}
	starters.Wait()
	close(stop)
	busy.Wait()
}
