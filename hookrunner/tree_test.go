package hookrunner_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"pkgd.io/pkgd/hookrunner"
)

var errStop = errors.New("the daemon is stopping")

func TestHookEndsAndIsGone(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		res := h.script("echo $$ > $PKG_DATA/pid; echo well; echo oops >&2; exit 3")
		if res.ExitCode != 3 || res.Signal != "" || res.TimedOut || res.Aborted || res.Missing {
			t.Errorf("%+v", res)
		}
		if got := res.Err().Error(); got != "exited with status 3: oops" {
			t.Errorf("error is %q", got)
		}
		h.isGone(h.pid(filepath.Join(h.dirs.DataRevision("web", 7), "pid")))
	})
}

// Each of these leaves a process behind that tries to stay; the hook itself ends
// well and at once.
var stayers = map[string]string{
	"a child holds stdout":           `sleep 600 & echo $! > $PKG_DATA/pid`,
	"a child ignores TERM":           `(trap '' TERM; echo $PKG_NAME; exec sleep 600) & echo $! > $PKG_DATA/pid`,
	"a child has a session":          `setsid sh -c 'trap "" TERM; echo $$ > $PKG_DATA/pid; sleep 600 & wait' & until [ -s $PKG_DATA/pid ]; do :; done`,
	"a grandchild is orphaned":       `(setsid sh -c 'echo $$ > $PKG_DATA/pid; exec sleep 600' &) ; until [ -s $PKG_DATA/pid ]; do :; done`,
	"a grandchild sheds its cookie":  `(env -i D=$PKG_DATA setsid sh -c 'echo $$ > $D/pid; exec sleep 600' &) ; until [ -s $PKG_DATA/pid ]; do :; done`,
	"a grandchild has children":      `(env -i D=$PKG_DATA setsid sh -c 'setsid sh -c "echo \$\$ > $D/pid; exec sleep 600" & wait' &) ; until [ -s $PKG_DATA/pid ]; do :; done`,
	"a child is stopped":             `sleep 600 & echo $! > $PKG_DATA/pid; kill -STOP $!`,
	"an orphan has ended meanwhile":  `(setsid sh -c 'echo $$ > $PKG_DATA/pid' &) ; until [ -s $PKG_DATA/pid ]; do :; done`,
	"a pipe is held by a background": `sh -c 'echo $$ > $PKG_DATA/pid; exec sleep 600 3>&1 >/dev/null' & until [ -s $PKG_DATA/pid ]; do :; done`,
}

func TestNothingOutlivesAHookThatSucceeds(t *testing.T) {
	for name, script := range stayers {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, h *house) {
				res := h.script(script)
				if err := res.Err(); err != nil {
					t.Fatal(err)
				}
				h.isGone(h.pid(filepath.Join(h.dirs.DataRevision("web", 7), "pid")))
			})
		})
	}
}

// enough is a timeout before which a hook that is to be caught by it has begun, also
// on a busy host.
const enough = 3 * time.Second

func TestTimeoutKillsTheWholeTree(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		p := h.pkg("web", `trap '' TERM
			setsid sh -c 'trap "" TERM; echo $$ > $PKG_DATA/child; while :; do sleep 1; done' &
			echo $$ > $PKG_DATA/pid; echo waiting >&2; while :; do sleep 1; done`)
		res := h.run(context.Background(), hookrunner.Run{Package: p, Timeout: enough})
		if !res.TimedOut || res.Aborted || res.Signal != "SIGKILL" || res.ExitCode != 128+9 {
			t.Errorf("%+v", res)
		}
		if !errors.Is(res.Err(), hookrunner.ErrTimedOut) || res.Err().Error() != "timed out: it did not end within 3s: waiting" {
			t.Errorf("error is %q", res.Err())
		}
		h.isGone(h.pid(p.Data + "/pid"))
		h.isGone(h.pid(p.Data + "/child"))
	})
}

func TestHookMayTidyUpBetweenTermAndKill(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		p := h.pkg("web", `trap 'echo tidy > $PKG_DATA/end; exit 0' TERM; while :; do sleep 0.05; done`)
		res := h.run(context.Background(), hookrunner.Run{Package: p, Timeout: enough})
		if !res.TimedOut || res.ExitCode != 0 || res.Err() == nil {
			t.Errorf("%+v", res)
		}
		if got := h.read(p.Data + "/end"); got != "tidy" {
			t.Errorf("the hook could not tidy up: %q", got)
		}
	})
}

func TestAbortIsNotAFailureOfTheHook(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		p := h.pkg("web", `echo $$ > $PKG_DATA/pid; exec sleep 600`)
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			h.appears(p.Data + "/pid")
			cancel(errStop)
		}()
		res := h.run(ctx, hookrunner.Run{Package: p})
		if !res.Aborted || res.TimedOut || !errors.Is(res.Cause, errStop) || !errors.Is(res.Err(), errStop) {
			t.Errorf("%+v", res)
		}
		h.isGone(h.pid(p.Data + "/pid"))
	})
}

func TestRunThatIsAbortedBeforehandDoesNotBegin(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", `echo ran > $PKG_DATA/ran`)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errStop)
	res := h.run(ctx, hookrunner.Run{Package: p})
	if !res.Aborted || !errors.Is(res.Cause, errStop) {
		t.Errorf("%+v", res)
	}
}

func TestHookKilledByASignal(t *testing.T) {
	h := newHouse(t)
	res := h.script(`echo dying >&2; kill -SEGV $$`)
	if res.Signal != "SIGSEGV" || res.ExitCode != 128+11 || res.TimedOut || res.Aborted {
		t.Errorf("%+v", res)
	}
	if got := res.Err().Error(); got != "was killed by SIGSEGV: dying" {
		t.Errorf("error is %q", got)
	}
}

// A run beside another must not be taken for it: where there is no cgroup, an
// orphan that hides its origin is left alone while it could be someone else's.
func TestRunsSideBySideKillOnlyTheirOwn(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		long := h.pkg("long", `(setsid sh -c 'echo $$ > $PKG_DATA/pid; exec sleep 600' &)
			until [ -s $PKG_DATA/go ]; do sleep 0.02; done
			kill -0 $(cat $PKG_DATA/pid) && echo alive`)
		done := make(chan hookrunner.Result, 1)
		go func() { done <- h.run(context.Background(), hookrunner.Run{Package: long}) }()
		h.appears(long.Data + "/pid")
		if err := h.script(stayers["a grandchild sheds its cookie"]).Err(); err != nil {
			t.Error(err)
		}
		h.write(long.Data+"/go", 0o644, "go\n")
		res := <-done
		if string(res.Stdout) != "alive\n" {
			t.Errorf("the other run's orphan was killed: %+v", res)
		}
		h.isGone(h.pid(long.Data + "/pid"))
		h.isGone(h.pid(h.dirs.DataRevision("web", 7) + "/pid"))
	})
}
