package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/disk"
)

// bin is the folder of the programs under test.
var bin string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("/tmp", "pb"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin+"/", "../../cmd/pkgd", "../../cmd/ctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// newTestBench is short, as sockets lie in it.
func newTestBench(t *testing.T) *bench {
	t.Helper()
	b, err := newBench(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.RemoveTree(b.work) })
	return b
}

func TestARatioIsTakenWithinRounds(t *testing.T) {
	f := figure{goal: timesAtMost(2)}
	f.add(10, 5)
	f.add(100, 50) // a slow round is slow for both
	f.add(9, 3)
	if f.ratio() != 2 || !f.met() {
		t.Errorf("ratio %v, met %v", f.ratio(), f.met())
	}
	f.add(9, 3)
	if f.met() {
		t.Errorf("a ratio of %v meets at most 2", f.ratio())
	}
}

func TestAGoalMayBeWantedAtLeast(t *testing.T) {
	f := figure{goal: timesAtLeast(0.9)}
	f.add(95, 100)
	if !f.met() || goalText(&f) != "≥ 0.90×" {
		t.Errorf("met %v, shown as %s", f.met(), goalText(&f))
	}
	f.add(50, 100)
	f.add(50, 100)
	if f.met() {
		t.Errorf("a ratio of %v meets at least 0.9", f.ratio())
	}
}

func TestBareHandlerGivesWhatPkgdGives(t *testing.T) {
	b := newTestBench(t)
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHouse(b.bin, b.work, "services: embedded\nlisten: [tcp://"+address+"]\n")
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if _, err := h.start(); err != nil {
		t.Fatal(err)
	}
	for _, path := range append(probed, "/metrics") { // which comes in chunks
		if n, err := ask(address, path, 3); n != 3 || err != nil {
			t.Errorf("%s: %d, %v", path, n, err)
		}
	}
	if _, err := ask(address, "/nowhere", 1); err == nil {
		t.Error("404 is taken for an answer")
	}
	resp, err := http.Get("http://" + address + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r := httptest.NewRecorder()
	bare, err := bareHandler("http://" + address + "/health")
	if err != nil {
		t.Fatal(err)
	}
	bare.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/health", nil))
	ours, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.String() != string(ours) || r.Header().Get("ETag") != resp.Header.Get("ETag") {
		t.Errorf("got %q, want %q", r.Body, ours)
	}
}

func TestQuantilesLieBetweenSamples(t *testing.T) {
	samples := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 0.9: 3.7, 1: 4} {
		if got := quantile(samples, q); math.Abs(got-want) > 1e-9 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

// some figures: one that is met, one that is missed, one that explains.
func some() []*figure {
	return []*figure{
		{name: "a", what: "time of a", unit: "ms", baseline: "bare a", goal: atMost(40), ours: []float64{24.5, 24.5}, base: []float64{4, 5}},
		{name: "b", what: "share of b", unit: "µs", baseline: "bare b", goal: timesAtMost(1.5), ours: []float64{300}, base: []float64{150}},
		{name: "c", what: "why", unit: "times", goal: noGoal, ours: []float64{0}},
	}
}

func TestTheTableShowsWhatMissesItsGoal(t *testing.T) {
	var out bytes.Buffer
	if err := printTable(&out, some()); err != nil {
		t.Fatal(err)
	}
	want := `
   FIGURE      PKGD     P90      BASELINE  RATIO  GOAL     BASELINE IS
✓  time of a   24.5 ms  24.5 ms  4.50 ms   5.51×  ≤ 40 ms  bare a
✗  share of b  300 µs   300 µs   150 µs    2.00×  ≤ 1.50×  bare b
   why         0 times  0 times  –         –               
`
	if diff := cmp.Diff(want, "\n"+out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTheLinesAreThoseOfABenchmark(t *testing.T) {
	var out bytes.Buffer
	printLines(&out, some())
	got, err := reported("the second", strings.Join(strings.SplitAfter(out.String(), "\n")[1:], ""))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"µs": 300, "p90-µs": 300, "baseline-µs": 150, "ratio": 2, "goal": 1.5, "met": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheBareLoopRunsTheHooksThatPkgdRuns(t *testing.T) {
	b := newTestBench(t)
	folder := filepath.Join(b.work, "p")
	if _, err := writePackages(folder, 2, ""); err != nil {
		t.Fatal(err)
	}
	loop := &bare{folder: folder, bin: bin, socket: filepath.Join(b.work, "s")}
	l, err := net.Listen("unix", loop.socket)
	if err != nil {
		t.Fatal(err)
	}
	go answerAll(l)
	if err := loop.run(1); err != nil {
		t.Error(err)
	}
	if err := loop.confine(2); err != nil {
		t.Fatal(err)
	}
	if err := loop.run(1); err != nil {
		t.Errorf("confined: %v", err)
	}
	l.Close()
	if err := loop.run(1); err == nil {
		t.Error("the hook is content though nobody answers it")
	}
}

func TestABadRefreshIsSeenFromOutside(t *testing.T) {
	b := newTestBench(t)
	h, err := newHouse(b.bin, b.work, seldom)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	trees := filepath.Join(b.work, "web")
	w, err := h.installWeb(trees)
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.refreshAndRevert(w, trees, firstRevision+1)
	if err != nil {
		t.Fatal(err)
	}
	if r.down <= 0 || r.back < r.down || r.end < r.back {
		t.Errorf("%+v", r)
	}
}

// TestRunsAtRestLeaveNothingOnTheDisk: packages that are what they were are asked
// many times, and neither the daemon nor its hooks nor its log write a byte.
func TestRunsAtRestLeaveNothingOnTheDisk(t *testing.T) {
	b := newTestBench(t)
	// The hook tells of each run through a fifo. On a disk that would be written
	// too: its times are, once for each time that somebody else has them synced.
	memory, err := os.MkdirTemp("/dev/shm", "p")
	if err != nil {
		t.Skipf("there is no file system in memory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	next, fifo := fifoLines(t, memory)
	ran := "#!/bin/sh\nctl set-health active\necho ran >" + fifo + "\n"
	tree := filepath.Join(b.work, "web")
	manifest := "name: web\nversion: \"1\"\nsummary: A web server\nconfinement: none\n" // or it would not see the fifo
	if err := writeTree(tree, map[string]string{"meta/pkg.yaml": manifest, "meta/hooks/check-health": ran}); err != nil {
		t.Fatal(err)
	}
	h, err := newHouse(b.bin, b.work, "services: embedded\nhealth: {interval: 20ms, settle: 0s, bake: 0s}\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	if _, err := h.start(); err != nil {
		t.Fatal(err)
	}
	if err := h.install([]string{tree}); err != nil {
		t.Fatal(err)
	}
	c := h.client()
	t.Cleanup(c.Close)
	for _, err := os.Stat(h.dirs.StateBackup()); err != nil; _, err = os.Stat(h.dirs.StateBackup()) {
		next(1) // the copy of the state that every start makes, beside all else
	}
	next(50) // until install and what it wrote are over
	before, err := h.traces(c)
	if err != nil {
		t.Fatal(err)
	}
	next(50)
	left, err := h.figuresOf(before, c, "rest", "in fifty runs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if !f.met() {
			t.Errorf("%s: %v %s", f.what, f.ours, f.unit)
		}
	}
}

// fifoLines makes a fifo in folder and gives what waits for so many lines from it.
func fifoLines(t *testing.T, folder string) (next func(n int), path string) {
	t.Helper()
	path = filepath.Join(folder, "ran")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // our own end keeps it open between runs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func(n int) {
		line := make([]byte, len("ran\n"))
		for range n {
			if _, err := f.Read(line); err != nil {
				t.Fatal(err)
			}
		}
	}, path
}

func TestAHundredPackagesFitInto25MiB(t *testing.T) {
	b := newTestBench(t)
	h, _, err := b.hundred(seldom)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	mib, err := resident(h.pid())
	if err != nil {
		t.Fatal(err)
	}
	if mib > 25 {
		t.Errorf("%.1f MiB are resident", mib)
	}
}
