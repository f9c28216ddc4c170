package load

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/daemontest"
)

const config = "health: {interval: %s, unhealthy-interval: %[1]s, settle: 300ms, bake: 0s}\nservices: embedded\n"

// host is a daemon with packages p0000, p0001 … on it.
type host struct {
	*daemontest.Host
	t     *testing.T
	trees [3][]string // of each package's revisions
}

func newHost(t *testing.T, n int) *host {
	t.Helper()
	if !*wanted {
		t.Skip("load is put on with -load only (./run-checks --load)")
	}
	h := &host{Host: daemontest.New(t, bin, fmt.Sprintf(config, "1h")), t: t}
	h.Start()
	for rev := range h.trees {
		for i := range n {
			h.trees[rev] = append(h.trees[rev], h.Tree(
				fmt.Sprintf("name: p%04d\nversion: '%d'\nsummary: One of many\napps: {tool: {command: /bin/true}}\n", i, rev+1),
				map[string]string{"meta/hooks/check-health": "#!/bin/sh\nctl set-health active\n"}))
		}
	}
	return h
}

// install puts in all packages, some at a time.
func (h *host) install() {
	h.t.Helper()
	const atOnce = 25
	for trees := h.trees[0]; len(trees) > 0; trees = trees[min(atOnce, len(trees)):] {
		h.do("install", trees[:min(atOnce, len(trees))]...)
	}
}

// do is Do with as much time as a thousand packages take.
func (h *host) do(action string, targets ...string) {
	h.t.Helper()
	out, err := exec.Command(bin+"/pkgd", append([]string{"--root", h.Dirs.Root, action}, targets...)...).CombinedOutput()
	if err != nil {
		h.t.Fatalf("%s: %v\n%s\n%s", action, err, out, h.Log.String())
	}
}

// every makes the interval another.
func (h *host) every(interval string) {
	h.t.Helper()
	told := strings.Count(h.Log.String(), "configuration read again")
	h.Write(h.Dirs.Config(), fmt.Sprintf(config, interval), 0o644)
	if err := syscall.Kill(h.PID(), syscall.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
	daemontest.Eventually(h.t, "another configuration", func() bool {
		return strings.Count(h.Log.String(), "configuration read again") > told
	})
}

// runs counts the runs of each package's hook so far. All are active.
func (h *host) runs() (each map[string]int, all int) {
	h.t.Helper()
	health, err := h.Client.Health(h.Context())
	if err != nil {
		h.t.Fatalf("%v\n%s", err, h.Log.String())
	}
	each = map[string]int{}
	for _, r := range health.Packages {
		each[r.Package] = int(r.Runs)
		all += int(r.Runs)
	}
	return each, all
}

// since gives the least and the most that a package ran since a time before.
func since(before, now map[string]int) (least, most int) {
	least = 1 << 30
	for name, n := range now {
		least, most = min(least, n-before[name]), max(most, n-before[name])
	}
	return least, most
}

// TestAThousandPackages runs their hooks at an interval that the machine may keep
// up with and at one that it cannot. Late runs are skipped alike for all, nothing
// is put off, and what pkgd takes of the machine stays the same.
func TestAThousandPackages(t *testing.T) {
	h := newHost(t, *packages)
	h.install()
	h.every("10s")
	h.round(1)
	before := h.Figures()
	for _, interval := range []string{"10s", "1s"} {
		h.every(interval)
		h.round(1)
		first, _ := h.runs()
		time.Sleep(*span)
		now, then := h.runs()
		least, most := since(first, now)
		// Each has its jitter of a fifth, and the last run of one may just be over.
		if len(now) != *packages || most > 2*least+2 {
			t.Errorf("at %s, between %d and %d runs a package", interval, least, most)
		}
		h.every("1h")
		h.rest(then)
		total := 0
		for name, n := range now {
			total += n - first[name]
		}
		report(t, row{
			fmt.Sprintf("%d packages, a hook each every %s, for %v", *packages, interval, *span),
			fmt.Sprintf("%d runs, %.0f a second, %d to %d a package", total, float64(total)/span.Seconds(), least, most),
			flat(t, before, h.rested(before)), "nothing",
		})
	}
}

// round waits until every package has run so many times more.
func (h *host) round(times int) {
	h.t.Helper()
	first, _ := h.runs()
	for least := 0; least < times; { // the whole run has an end of its own
		time.Sleep(100 * time.Millisecond)
		now, _ := h.runs()
		least, _ = since(first, now)
	}
}

// rest waits until no hook runs any more: with an hour between two runs, none but
// those under way come after. Were late runs put off, there would be as many as
// there are packages.
func (h *host) rest(before int) {
	h.t.Helper()
	last := before
	daemontest.Eventually(h.t, "rest", func() bool {
		time.Sleep(time.Second)
		_, all := h.runs()
		over := all == last
		last = all
		return over
	})
	if last-before > *packages/2 {
		h.t.Errorf("%d runs came after they were called off", last-before)
	}
}

// rested are the figures once what was under way is done.
func (h *host) rested(before daemontest.Figures) (now daemontest.Figures) {
	h.t.Helper()
	daemontest.Eventually(h.t, "as few goroutines and descriptors as before", func() bool {
		now = h.Figures()
		return now.Goroutines <= before.Goroutines+20 && now.Descriptors <= before.Descriptors+20
	})
	return now
}

// flat checks that memory has not grown by more than half, and some for what the
// collector leaves for later.
func flat(t *testing.T, before, now daemontest.Figures) string {
	t.Helper()
	const mb = 1 << 20
	if now.Resident > before.Resident*3/2+64*mb {
		t.Errorf("memory has grown: %v, before %v", now, before)
	}
	return fmt.Sprintf("%d → %d goroutines, %d → %d descriptors, %d → %d MiB resident",
		before.Goroutines, now.Goroutines, before.Descriptors, now.Descriptors, before.Resident/mb, now.Resident/mb)
}

// TestTwoHundredChangesAtOnce refreshes as many packages, each by a change of its
// own, and then all of them once more. After the second time pkgd takes what it took
// after the first.
func TestTwoHundredChangesAtOnce(t *testing.T) {
	const n = 200
	h := newHost(t, n)
	h.install()
	h.refreshAll(n, 2)
	before := h.Figures()
	took := h.refreshAll(n, 3)
	report(t, row{
		fmt.Sprintf("%d changes at once, a refresh each", n),
		fmt.Sprintf("all done, in %.1f s", took.Seconds()), flat(t, before, h.rested(before)), "nothing",
	})
}

// refreshAll begins a change of each package and then waits for all of them.
func (h *host) refreshAll(n, revision int) time.Duration {
	h.t.Helper()
	began := time.Now()
	var ids []string
	for _, tree := range h.trees[revision-1] {
		answer, err := h.Client.Do(h.Context(), api.PackageRequest{Action: "refresh", Targets: []string{tree}})
		if err != nil {
			h.t.Fatalf("%v\n%s", err, h.Log.String())
		}
		ids = append(ids, answer.Change)
	}
	for _, id := range ids {
		h.done(id)
	}
	took := time.Since(began)
	list, err := h.Client.Packages(h.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	refreshed := 0
	for _, p := range list {
		if p.Revision == revision && p.Status == "active" {
			refreshed++
		}
	}
	if refreshed != n {
		h.t.Errorf("%d of %d are refreshed", refreshed, n)
	}
	return took
}

// done waits until a change is done, as long as it takes.
func (h *host) done(id string) {
	h.t.Helper()
	for {
		chg, err := h.Client.WaitChange(h.Context(), id)
		if errors.Is(err, context.DeadlineExceeded) {
			continue // the whole run has an end of its own
		}
		if err != nil || chg.Status != "Done" {
			h.t.Errorf("change %s: %s %s %v", id, chg.Status, chg.Err, err)
		}
		return
	}
}

// cookies are those of an app of each package.
func (h *host) cookies(n int) (all []string) {
	h.t.Helper()
	for i := range n {
		x, err := h.Client.Exec(h.Context(), api.ExecRequest{Package: fmt.Sprintf("p%04d", i), App: "tool"})
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range x.Env {
			if cookie, ok := strings.CutPrefix(e, "PKG_COOKIE="); ok {
				all = append(all, cookie)
			}
		}
	}
	return all
}
