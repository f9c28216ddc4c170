package reportstate_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/overlord/reportstate"
	"pkgd.io/pkgd/overlord/state"
)

// doomed is a pkgd that lets one change after the other end, until it is killed.
// After each commit it says on stdout which change is now told of on disk.
func doomed(dir, url string) {
	st, err := state.Open(filepath.Join(dir, "state.db"), state.Options{})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	m := reportstate.NewManager(options(st, reportstate.Options{
		RetryFirst: time.Millisecond, RetryMost: 20 * time.Millisecond, Timeout: time.Minute,
	}))
	m.Configure(config.Fleet{URL: url, Interval: 10 * time.Millisecond})
	m.StartUp()
	for {
		var n int
		st.Lock()
		_ = st.Get("ended", &n) // the first time there is none
		n++
		st.Set("ended", n)
		m.Outcome(api.Why{Change: fmt.Sprint(n), Package: "web", Kind: "refresh", Rule: "to-active", Outcome: "done", At: time.Now()})
		st.Unlock()
		m.Run(record("web", "active", ""), "rest")
		fmt.Println("ended", n)
	}
}

// TestNoKillLosesTheReportOfAChangeOrTellsItUnderAnotherKey kills a pkgd again
// and again, while its collector answers, fails or hangs up as it likes.
func TestNoKillLosesTheReportOfAChangeOrTellsItUnderAnotherKey(t *testing.T) {
	c := newCollector(func(_ int, _ api.Exchange, w http.ResponseWriter) {
		switch rand.N(4) {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, "{}")
		}
	})
	server := httptest.NewServer(c)
	defer server.Close()
	h := build(t, reportstate.Options{RetryFirst: time.Millisecond, RetryMost: 10 * time.Millisecond}, config.Fleet{URL: server.URL, Interval: time.Millisecond})
	h.Stop()
	if err := h.st.Close(); err != nil {
		t.Fatal(err)
	}
	for range 12 {
		runUntilKilled(t, filepath.Dir(h.path), server.URL)
	}

	h.open()
	h.StartUp()
	var ended int
	h.st.Lock()
	err := h.st.Get("ended", &ended)
	h.st.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	all := c.until(t, func(all []api.Exchange) bool { return len(changesTold(t, all)) == ended })
	boots := map[string]bool{}
	for _, e := range all {
		boots[e.Boot] = true
	}
	if len(boots) < 2 {
		t.Errorf("all exchanges came from one start: %v", boots)
	}
	t.Logf("%d changes, %d exchanges of %d starts", ended, len(all), len(boots))
}

// changesTold gives the keys of changes that arrived, by change, and finds two
// keys of one change and two contents of one key.
func changesTold(t *testing.T, all []api.Exchange) map[string]string {
	t.Helper()
	keys, contents := map[string]string{}, map[string]api.Report{}
	for _, r := range reports(all) {
		if had, twice := contents[key(r)]; twice && r.Kind == api.ReportChange {
			if diff := cmp.Diff(had, r); diff != "" {
				t.Fatalf("two reports under one key:\n%s", diff)
			}
		}
		contents[key(r)] = r
		if r.Kind != api.ReportChange {
			continue
		}
		if had, told := keys[r.Change.Change]; told && had != key(r) {
			t.Fatalf("change %s was told as %s and as %s", r.Change.Change, had, key(r))
		}
		keys[r.Change.Change] = key(r)
	}
	return keys
}

// runUntilKilled starts a doomed pkgd and kills it after a few changes.
func runUntilKilled(t *testing.T, dir, url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PKGD_TEST_DOOMED="+dir, "PKGD_TEST_COLLECTOR="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 1 + rand.N(60) {
		if !lines.Scan() || strings.HasPrefix(lines.Text(), "error") {
			t.Errorf("the doomed pkgd ended by itself: %s", lines.Text())
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
}
