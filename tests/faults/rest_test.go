package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/gate"
	"pkgd.io/pkgd/tests/world"
)

// atRest are faults while nobody asks pkgd for anything. Each begins when it is
// called and is over when what it gives is.
var atRest = []struct {
	name, kind string
	calls      []int
	store      bool // the store cannot be written meanwhile, and that is told with these words
	words      string
	begin      func(*site) (end func())
}{
	{"no space left, tmpfs", "tmpfs", nil, false, "", func(w *site) func() { return w.disk.fill() }}, // the state has room of its own
	{"no space left, ext4", "ext4", nil, false, "", func(w *site) func() { return w.disk.fill() }},
	{"no space left for the store", "ext4", []int{unix.SYS_WRITE, unix.SYS_PWRITE64}, true, "no space left", fails(unix.ENOSPC)},
	{"EIO at write to the store", "ext4", []int{unix.SYS_WRITE, unix.SYS_PWRITE64}, true, "input/output error", fails(unix.EIO)},
	{"EIO at fsync of the store", "ext4", []int{unix.SYS_FSYNC, unix.SYS_FDATASYNC}, true, "input/output error", fails(unix.EIO)},
	{"EMFILE", "ext4", nil, false, "", func(w *site) func() { return w.descriptors(w.open() + 2) }}, // to answer with
	{"ENOMEM at fork", "ext4", []int{unix.SYS_CLONE, unix.SYS_CLONE3}, false, "", (*site).noMemory},
}

func TestFaultAtRestIsNoFalseGreen(t *testing.T) {
	for _, f := range atRest {
		t.Run(f.name, func(t *testing.T) {
			requires(t, "mkfs.ext4")
			t.Parallel()
			w := newSite(t, f.kind)
			w.watched(saysWhatIsWritten)
			w.Start(f.calls...)
			w.AwaitService()
			w.shows("active")
			end := f.begin(w)
			w.hookSays("error")
			w.isNotGreen()
			if f.store {
				w.tellsUnready(f.words)
			}
			w.hookSays("blocked")
			w.isNotGreen()
			end()
			w.shows("blocked")
			world.Eventually(t, "ready again", func() bool { status, _ := w.probe("/readyz"); return status == http.StatusOK })
			w.remembers("blocked")
			w.hookSays("active")
			w.shows("active")
			w.Stop()
			world.Report(t, f.name, "at rest, while a hook changes its answer", 1, "never green, probes answer; the record is there once the fault is gone, and after a restart")
		})
	}
}

func TestReadOnlyDiskAtRestIsNoFalseGreen(t *testing.T) {
	requires(t, "mkfs.ext4")
	w := newSite(t, "ext4")
	w.watched("touch $PKG_COMMON/touched && ctl set-health active || ctl set-health error")
	w.Start()
	w.AwaitService()
	w.shows("active")
	w.disk.fail()
	w.isNotGreen()
	w.tellsUnready("read-only file system")
	w.Kill()
	w.disk.replug()
	w.Start()
	w.shows("active")
	w.Holds(1)
	w.Stop()
	world.Report(t, "the kernel remounts the disk read-only", "at rest, while a hook changes its answer", 1, "not green, probes answer; as before after the next mount")
}

// saysWhatIsWritten is a hook that says what hookSays wrote.
const saysWhatIsWritten = "ctl set-health $(cat $PKG_COMMON/says || echo active)"

// watched puts a web on the host that is asked often, and can be probed.
func (w *site) watched(health string) {
	w.Helper()
	w.Write(w.Dirs.Config(), "health: {interval: 1s, settle: 300ms, bake: 0s}\nservices: embedded\nlisten: [unix://"+w.probes()+"]\n", 0o644)
	w.Start()
	w.MustDo("install", w.Pack("41", health))
	w.hookSays("active")
	w.Stop()
}

func (w *site) probes() string { return filepath.Join(filepath.Dir(w.disk.dir), "probes") }

// hookSays has the hook say something from now on. Where the file is there, this
// needs no room.
func (w *site) hookSays(status string) {
	w.Helper()
	f, err := os.OpenFile(w.Dirs.DataCommon("web")+"/says", os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%-16s\n", status); err != nil {
		w.Fatal(err)
	}
}

func (w *site) record() api.Record {
	w.Helper()
	h := w.answers()
	if len(h.Packages) != 1 {
		w.Fatalf("health is %+v", h)
	}
	return h.Packages[0]
}

// shows waits until health says what the hook does.
func (w *site) shows(status string) {
	w.Helper()
	var r api.Record
	w.Cleanup(func() {
		if w.Failed() {
			w.Logf("health %+v, want %s\n%s", r, status, w.Said)
		}
	})
	world.Eventually(w.TB, "health "+status, func() bool { r = w.record(); return r.Status == status })
}

// isNotGreen waits until health no longer says what the hook said before, by
// both ways in.
func (w *site) isNotGreen() {
	w.Helper()
	world.Eventually(w.TB, "health that is not active", func() bool {
		_, body := w.probe("/health")
		return !strings.Contains(body, `"level":"OK"`) && w.record().Status != "active"
	})
}

// tellsUnready waits until a load balancer would be told, with the reason.
func (w *site) tellsUnready(words string) {
	w.Helper()
	world.Eventually(w.TB, "readyz that tells of the store", func() bool {
		status, body := w.probe("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, words)
	})
	s, err := w.Client.System(w.Ctx())
	if err != nil {
		w.Fatal(err)
	}
	w.says(errors.New(s.Store), words)
}

// probe asks the listener for strangers; a status of 0 is no answer.
func (w *site) probe(path string) (status int, body string) {
	w.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", w.probes())
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(w.Ctx(), http.MethodGet, "http://pkgd"+path+"?verbose", nil)
	if err != nil {
		w.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// remembers starts pkgd once more with a hook that has nothing to say: what it
// shows then is what it had kept.
func (w *site) remembers(status string) {
	w.Helper()
	w.Stop()
	w.hookSays("nothing-known")
	w.Start()
	r := w.record()
	if r.Stale && r.Last != nil {
		r = *r.Last
	}
	if r.Status != status && r.Code != "pkgd-hook-failed" { // the hook may have been asked already
		w.Errorf("after a restart health is %+v, want %s", r, status)
	}
	if past, err := w.Client.History(w.Ctx(), "web", 0); err != nil || !reached(past, status) {
		w.Errorf("history has no %s: %+v (%v)", status, past, err)
	}
}

func reached(past []api.Transition, status string) bool {
	for _, tr := range past {
		if tr.To == status {
			return true
		}
	}
	return false
}

// fails has all such calls on the state fail.
func fails(errno unix.Errno) func(*site) func() {
	return func(w *site) func() {
		w.failing(errno, 0, "/var/lib/pkgd/state.db")
		return func() { w.Gate.Set(gate.LetThrough) }
	}
}
