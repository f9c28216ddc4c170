package hookrunner_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/hookrunner"
)

func TestEnvironmentOfAHookIsExactlyTheContract(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DAEMON", "1")
	h := newHouse(t)
	p := h.pkg("web", `tr '\0' '\n' < /proc/$$/environ > $PKG_DATA/env`)
	res := h.run(context.Background(), hookrunner.Run{Package: p, Phase: hookrunner.PhaseBefore, Extra: []string{"MORE=1"}})
	if res.Err() != nil {
		t.Fatal(res.Err())
	}
	got := map[string]string{}
	for line := range strings.Lines(h.read(p.Data + "/env")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		got[key] = value
	}
	cookie := got["PKG_COOKIE"]
	if len(cookie) != 64 {
		t.Errorf("the cookie is %q, not 32 bytes in hex", cookie)
	}
	want := map[string]string{
		"PATH": h.dirs.RunBin() + ":" + p.Root + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": p.Data, "TMPDIR": h.dirs.Tmp("web") + "/hook", "LANG": "C.UTF-8",
		"PKG": p.Root, "PKG_NAME": "web", "PKG_REVISION": "7", "PKG_VERSION": "1.2",
		"PKG_DATA": p.Data, "PKG_COMMON": p.Common, "PKG_COOKIE": cookie,
		"PKG_HOOK": "check-health", "PKG_HEALTH_PHASE": "before", "PKGD_CTL_SOCKET": h.dirs.CtlSocket(),
		"SNAP": p.Root, "SNAP_NAME": "web", "SNAP_INSTANCE_NAME": "web", "SNAP_REVISION": "7", "SNAP_VERSION": "1.2",
		"SNAP_DATA": p.Data, "SNAP_COMMON": p.Common, "SNAP_COOKIE": cookie, "SNAP_CONTEXT": cookie,
		"MORE": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentOfAServiceHasNoHookAndNoPhase(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "true")
	for _, e := range h.r.Environment(p, "", "", "") {
		if strings.Contains(e, "COOKIE") || strings.Contains(e, "CONTEXT") {
			t.Errorf("without a cookie there is %s, which would hide the one that is added", e)
		}
	}
	env := h.r.Environment(p, "c", "", "")
	if !slices.Contains(env, "PKG_COOKIE=c") || !slices.Contains(env, "SNAP_CONTEXT=c") {
		t.Errorf("the cookie is missing: %q", env)
	}
	for _, e := range env {
		if strings.HasPrefix(e, "PKG_HOOK=") || strings.HasPrefix(e, "PKG_HEALTH_PHASE=") {
			t.Errorf("a service gets %s", e)
		}
	}
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "TMPDIR=") })
	if st, err := os.Stat(strings.TrimPrefix(env[i], "TMPDIR=")); err != nil || st.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("the service's TMPDIR: %v, %v", st, err)
	}
}

func TestHookStartsInItsTreeWithNothingToRead(t *testing.T) {
	h := newHouse(t)
	res := h.script(`pwd; readlink /proc/$$/fd/0`)
	if want := h.dirs.Revision("web", 7) + "\n/dev/null\n"; string(res.Stdout) != want {
		t.Errorf("got %q, want %q", res.Stdout, want)
	}
}

func TestHookGetsNoOtherFileOfTheDaemon(t *testing.T) {
	h := newHouse(t)
	res := h.run(context.Background(), hookrunner.Run{Package: h.pkg("web", ""), Command: []string{"/bin/ls", "/proc/self/fd"}})
	if got := string(res.Stdout); got != "0\n1\n2\n3\n" { // 3 is the folder that it lists
		t.Errorf("open are %q", got)
	}
}

func TestCtlComesFirstThenThePackageThenTheSystem(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "ctl set-health active; snapctl version; ls; cat /dev/null && echo system")
	h.write(p.Root+"/bin/ctl", 0o755, "#!/bin/sh\necho the package calls itself ctl\n")
	h.write(p.Root+"/bin/ls", 0o755, "#!/bin/sh\necho the package has its own ls\n")
	res := h.run(context.Background(), hookrunner.Run{Package: p})
	want := "ctl was called as ctl with set-health active\nctl was called as snapctl with version\nthe package has its own ls\nsystem\n"
	if got := string(res.Stdout); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTmpdirIsEmptiedBetweenRuns(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", `ls -A $TMPDIR; mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/c; ln -s $PKG_DATA $TMPDIR/data; chmod 0 $TMPDIR/a/b`)
	h.write(p.Data+"/precious", 0o644, "keep me\n")
	left := h.dirs.Tmp("web") + "/hook/of-a-daemon-that-died"
	h.write(left, 0o644, "x\n")
	for range 2 {
		if res := h.run(context.Background(), hookrunner.Run{Package: p}); len(res.Output) > 0 {
			t.Errorf("TMPDIR was not empty: %s", res.Output)
		}
	}
	h.read(p.Data + "/precious")
}

func TestTmpdirIsKeptWhileAnotherRunOfThePackageUsesIt(t *testing.T) {
	h := newHouse(t)
	long := h.pkg("web", `echo x > $TMPDIR/mine; echo x > $PKG_DATA/ready; until [ -s $PKG_DATA/go ]; do sleep 0.02; done; cat $TMPDIR/mine`)
	h.write(long.Root+"/meta/health.d/part", 0o755, "#!/bin/sh\ntrue\n")
	done := make(chan hookrunner.Result, 1)
	go func() { done <- h.run(context.Background(), hookrunner.Run{Package: long}) }()
	h.appears(long.Data + "/ready")
	h.run(context.Background(), hookrunner.Run{
		Package: long, Hook: "health.d/part", Command: []string{long.Root + "/meta/health.d/part"},
	})
	h.write(long.Data+"/go", 0o644, "x\n")
	if res := <-done; res.Err() != nil || string(res.Stdout) != "x\n" {
		t.Errorf("the file was taken away: %v %s", res.Err(), res.Output)
	}
}

// A package may replace what is its own, and then it shall not make the daemon
// empty another folder.
func TestTmpdirThatBecameALinkIsNotFollowed(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", `rm -r $TMPDIR && ln -s `+h.dirs.Lib()+` $TMPDIR`)
	p.Confinement = hookrunner.ConfinementNone
	h.write(h.dirs.State(), 0o600, "precious\n")
	if res := h.run(context.Background(), hookrunner.Run{Package: p}); res.Err() != nil {
		t.Fatal(res.Err())
	}
	h.read(h.dirs.State())
	if st, err := os.Lstat(filepath.Join(h.dirs.Tmp("web"), "hook")); err != nil || !st.IsDir() {
		t.Errorf("TMPDIR was not put right: %v %v", st, err)
	}
}
