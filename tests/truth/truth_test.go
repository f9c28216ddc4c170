package truth

import (
	"flag"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/tests/daemontest"
)

var (
	span = flag.Duration("for", 0, "how long to play random histories; 0: only those that are named")
	bin  string // folder of the programs under test
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(daemontest.Programs(func(dir string) int {
		bin = dir
		return m.Run()
	}))
}

// TestWhateverHappensTheHostIsAsTheDesignSays plays histories until its time is
// over; -for and rapid's own flags make it longer and repeat what it found.
func TestWhateverHappensTheHostIsAsTheDesignSays(t *testing.T) {
	if *span == 0 {
		t.Skip("random histories are played with -for only")
	}
	var histories, deeds atomic.Int64
	for begin := time.Now(); time.Since(begin) < *span && !t.Failed(); {
		rapid.Check(t, func(rt *rapid.T) {
			history := rapid.SliceOfN(rapid.Custom(draw), 1, 14).Draw(rt, "history")
			if rapid.IntRange(0, 9).Draw(rt, "begins with an install") > 0 {
				history[0] = deed{do: "install", pkg: "web", v: history[0].v, say: history[0].say}
				history[0].v = max(1, history[0].v)
			}
			if time.Since(begin) >= *span && !t.Failed() && histories.Load() > 0 {
				return
			}
			histories.Add(1)
			deeds.Add(int64(len(history)))
			play(rt, history...)
		})
	}
	t.Logf("%d histories of %d deeds", histories.Load(), deeds.Load())
}

func draw(t *rapid.T) deed {
	d := deed{
		do: rapid.SampledFrom([]string{
			"install", "install", "refresh", "refresh", "refresh", "refresh", "refresh", "refresh", "revert", "revert", "remove", "purge",
			"hold", "unhold", "accept", "set", "check", "turn", "write", "stop", "start", "restart", "kill",
		}).Draw(t, "do"),
	}
	if d.do == "restart" || d.do == "kill" {
		return d
	}
	d.pkg = rapid.SampledFrom([]string{"web", "web", "web", "db"}).Draw(t, "package")
	switch d.do {
	case "install", "refresh":
		d.v = rapid.IntRange(1, len(contents)).Draw(t, "content")
		d.down = rare(t, "down")
		d.retry = rapid.Bool().Draw(t, "retry")
		d.noRevert = rare(t, "noRevert")
		fallthrough
	case "turn":
		d.say = say(t, "say")
	case "set", "write":
		d.n = rapid.IntRange(1, 3).Draw(t, "n")
	}
	if d.do == "turn" {
		d.down = rare(t, "down")
	}
	if _, changes := points[d.do]; changes {
		drawChange(t, &d)
	}
	return d
}

// drawChange adds what may befall a change.
func drawChange(t *rapid.T, d *deed) {
	if d.do != "set" && d.do != "remove" && d.do != "purge" && rare(t, "changes its mind") {
		for range rapid.IntRange(1, 2).Draw(t, "times") {
			d.first = append(d.first, say(t, "first"))
		}
	}
	if d.do == "refresh" && rare(t, "back") {
		d.back = say(t, "back says")
	}
	if rare(t, "fails") {
		d.fails = rapid.SampledFrom([]string{"install", "configure", "pre-refresh", "post-refresh", "remove"}).Draw(t, "hook")
		return
	}
	if rapid.IntRange(0, 2).Draw(t, "held up") == 2 {
		d.at = rapid.SampledFrom(points[d.do]).Draw(t, "at")
		d.cut = rapid.SampledFrom([]string{"abort", "conflict", "kill", "stop"}).Draw(t, "cut")
		d.times = 0
		if d.cut == "kill" || d.cut == "stop" {
			d.times = rapid.IntRange(1, 3).Draw(t, "deaths")
		}
	}
}

func rare(t *rapid.T, what string) bool { return rapid.IntRange(0, 4).Draw(t, what) == 4 }

func say(t *rapid.T, what string) string {
	return rapid.SampledFrom([]string{
		"active", "active", "active", "error", "error", "waiting", "maintenance", "blocked", "silent", "fail", "failwaiting", "check",
	}).Draw(t, what)
}
