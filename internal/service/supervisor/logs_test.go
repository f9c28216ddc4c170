package supervisor_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/supervisor"
)

// flood is a script that prints n numbered lines of 100 bytes and ends.
func flood(n int) string {
	return fmt.Sprintf(`i=0; pad=$(printf '%%092d' 0); while [ $i -lt %d ]; do printf '%%07d %%s\n' $i "$pad"; i=$((i+1)); done`, n)
}

// number is a flood's line's.
func number(t *testing.T, line string) int {
	t.Helper()
	first, _, _ := strings.Cut(line, " ")
	n, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("line %.20q has no number", line)
	}
	return n
}

func TestLogsAreBoundedAndKeepTheNewestLines(t *testing.T) {
	d := newRoot(t)
	m := newManager(t, d)
	awaitEvent(t, m, service.Exited, func() { start(t, m, script(t, "a", flood(40000))) })
	got := lines(t, m, "a")
	if first, last := got[0], got[len(got)-1]; !strings.HasPrefix(last, "0039999 ") || strings.HasPrefix(first, "0000000 ") {
		t.Errorf("%d lines from %q to %q are kept", len(got), first, last)
	}
	for i, line := range got[1:] {
		if n, before := number(t, line), number(t, got[i]); n != before+1 {
			t.Fatalf("line %d follows line %d", n, before)
		}
	}
	wantBounded(t, filepath.Join(d.Logs(), "web"))
}

func wantBounded(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > supervisor.LogFileCount {
		t.Errorf("the folder of logs has %v, %v", entries, err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || fi.Size() > supervisor.LogFileSize+64<<10 {
			t.Errorf("%v has %d bytes, %v", e, fi.Size(), err)
		}
	}
}

func TestFollowerMissesNothingWhenLogsRotate(t *testing.T) {
	m := newManager(t, newRoot(t))
	gate := filepath.Join(t.TempDir(), "gate")
	start(t, m, script(t, "a", "mkfifo "+gate+"; echo begin; read x <"+gate+"; "+flood(25000)+"; echo end; exec sleep 1000"))
	finished := errors.New("all lines were read")
	next := 0
	err := m.Follow(t.Context(), "web", "a", time.Time{}, func(l api.LogLine) error {
		switch l.Line {
		case "begin":
			return os.WriteFile(gate, []byte("go\n"), 0)
		case "end":
			return finished
		}
		if n := number(t, l.Line); n != next {
			return fmt.Errorf("line %d follows line %d", n, next-1)
		}
		next++
		return nil
	})
	if !errors.Is(err, finished) || next != 25000 {
		t.Errorf("the follower ended after %d lines: %v", next, err)
	}
}

func TestALongLineIsBrokenAndStrayBytesAreReplaced(t *testing.T) {
	m := newManager(t, newRoot(t))
	long := fmt.Sprintf("printf '%%0%dd\\n' 0; printf 'a\\377b\\r\\n'", supervisor.LogLineSize+10)
	awaitEvent(t, m, service.Exited, func() { start(t, m, script(t, "a", long)) })
	got := lines(t, m, "a")
	if len(got) != 3 || len(got[0]) != supervisor.LogLineSize || len(got[1]) != 10 || got[2] != "a\uFFFDb" {
		t.Errorf("the service's lines have become %d: %.80q", len(got), got)
	}
}

func TestAServiceRunsOnWhereItsOutputCannotBeWritten(t *testing.T) {
	d := newRoot(t)
	m := newManager(t, d)
	if err := os.MkdirAll(filepath.Dir(d.Logs()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Logs(), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ev := awaitEvent(t, m, service.Exited, func() { start(t, m, script(t, "a", flood(1000)+"; echo finished; exit 3")) })
	if !strings.Contains(ev.Detail, "status 3: finished") {
		t.Errorf("the service did not come to its end: %+v", ev)
	}
}

func TestOutputIsThereAfterTheSupervisorWentAndForgottenWithThePackage(t *testing.T) {
	d := newRoot(t)
	first := newSupervisor(t, d)
	awaitEvent(t, first, service.Exited, func() { start(t, first, script(t, "a", "echo hello")) })
	shutdown(t, first)
	m := newManager(t, d)
	if got := lines(t, m, "a"); len(got) != 1 || got[0] != "hello" {
		t.Errorf("the log has %q", got)
	}
	if err := m.Forget(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	err := m.Logs(t.Context(), "web", "a", 10, func(api.LogLine) error { return errors.New("a line") })
	if err == nil || exists(t, d.Logs(), "web") {
		t.Errorf("a forgotten package has output: %v", err)
	}
}
