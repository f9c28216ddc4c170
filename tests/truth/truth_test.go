package truth

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/tests/daemontest"
)

var (
	span = flag.Duration("for", 0, "how long to play random histories; 0: a few of them")
	bin  string // folder of the programs under test
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(daemontest.Programs(func(dir string) int {
		bin = dir
		return m.Run()
	}))
}

// side is how many worlds are played on side by side, few how many histories in
// each of them where no time is given.
const (
	side = 2
	few  = 10
)

// differed is set once pkgd and the model have differed: then rapid looks for a
// shorter history that shows it.
var differed atomic.Bool

// TestWhateverHappensTheHostIsAsTheDesignSays plays a few histories that nobody
// has seen before. What differs is printed as a named test, as short as it could
// be made, with the command that plays it again. -for says how long to go on.
func TestWhateverHappensTheHostIsAsTheDesignSays(t *testing.T) {
	var histories, deeds atomic.Int64
	begin := time.Now()
	for n := range side {
		t.Run(fmt.Sprint("side ", n+1), func(t *testing.T) {
			t.Parallel()
			played := 0
			enough := func() bool {
				if *span == 0 {
					return played >= few
				}
				return time.Since(begin) >= *span
			}
			for !enough() && !differed.Load() {
				rapid.Check(t, func(rt *rapid.T) {
					history := drawHistory(rt)
					if enough() && !differed.Load() {
						return
					}
					played++
					histories.Add(1)
					deeds.Add(int64(len(history)))
					play(rt, history...)
				})
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d histories of %d deeds", histories.Load(), deeds.Load()) })
}

func drawHistory(t *rapid.T) []deed {
	history := rapid.SliceOfN(rapid.Custom(draw), 1, 14).Draw(t, "history")
	if rapid.IntRange(0, 9).Draw(t, "begins with an install") > 0 {
		history[0] = deed{do: "install", pkg: "web", v: history[0].v, say: history[0].say}
		history[0].v = max(1, history[0].v)
	}
	return history
}

func draw(t *rapid.T) deed {
	d := deed{
		do: rapid.SampledFrom([]string{
			"install", "install", "refresh", "refresh", "refresh", "refresh", "refresh", "refresh", "revert", "revert", "remove", "purge",
			"hold", "unhold", "accept", "set", "unset", "check", "turn", "write", "stop", "start", "restart", "kill",
			"offer", "offer", "look", "auto", "app", "app", "retain", "restore", "drop",
		}).Draw(t, "do"),
	}
	if slices.Contains([]string{"restart", "kill", "look", "auto"}, d.do) {
		return d
	}
	if d.do == "retain" {
		d.n = rapid.IntRange(2, 4).Draw(t, "n")
		return d
	}
	d.pkg = rapid.SampledFrom([]string{"web", "web", "web", "db", "hub"}).Draw(t, "package")
	if slices.Contains([]string{"install", "refresh", "remove", "purge"}, d.do) && rapid.IntRange(0, 2).Draw(t, "several") == 2 {
		return drawSeveral(t, d)
	}
	drawOne(t, &d)
	if _, changes := points[d.do]; changes && !d.flap {
		drawChange(t, &d)
	}
	return d
}

// drawSeveral makes it one command for several packages.
func drawSeveral(t *rapid.T, d deed) deed {
	d.together = rapid.Bool().Draw(t, "together")
	drawOne(t, &d)
	for _, name := range []string{"web", "db", "hub"} {
		if name != d.pkg && (len(d.with) == 0 || rare(t, "three")) {
			other := deed{do: d.do, pkg: name}
			drawOne(t, &other)
			other.retry, other.noRevert = d.retry, d.noRevert
			d.with = append(d.with, other)
		}
	}
	if rapid.Bool().Draw(t, "held up together") {
		drawHeld(t, &d)
	}
	return d
}

// drawHeld has some of the packages held up, and something happen meanwhile.
func drawHeld(t *rapid.T, d *deed) {
	d.cut = rapid.SampledFrom([]string{"abort", "kill", "kill", "stop", "check", "app"}).Draw(t, "cut")
	if d.cut == "kill" || d.cut == "stop" {
		d.times = rapid.IntRange(1, 3).Draw(t, "deaths")
	}
	if !d.flap {
		d.at = rapid.SampledFrom(points[d.do]).Draw(t, "at")
	}
	for i := range d.with {
		if !d.with[i].flap && rapid.Bool().Draw(t, "too") {
			d.with[i].at = rapid.SampledFrom(points[d.do]).Draw(t, "at")
		}
	}
}

// drawOne adds what the deed is about.
func drawOne(t *rapid.T, d *deed) {
	switch d.do {
	case "offer":
		d.v = rapid.IntRange(1, len(contents)).Draw(t, "content")
	case "install", "refresh":
		d.v = rapid.IntRange(1, len(contents)).Draw(t, "content")
		d.down = rare(t, "down") && !contents[d.v].again
		d.retry = rapid.Bool().Draw(t, "retry")
		d.noRevert = rare(t, "noRevert")
		fallthrough
	case "turn":
		d.say = say(t, "say")
	case "hold":
		d.n = rapid.IntRange(0, 2).Draw(t, "for")
	case "app":
		d.call = rapid.SampledFrom(slices.Sorted(maps.Keys(apps))).Draw(t, "says")
	case "revert":
		if rapid.Bool().Draw(t, "named") {
			d.to = rapid.IntRange(1, 6).Draw(t, "to")
		}
	case "set", "write", "restore", "drop":
		d.n = rapid.IntRange(1, 3).Draw(t, "n")
	}
	if d.do == "turn" {
		d.down = rare(t, "down")
	}
	if d.do == "refresh" && contents[d.v].again && rapid.Bool().Draw(t, "flap") {
		d.flap, d.say = true, "active"
	}
}

// drawChange adds what may befall a change.
func drawChange(t *rapid.T, d *deed) {
	if d.do != "set" && d.do != "unset" && d.do != "remove" && d.do != "purge" && rare(t, "changes its mind") {
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
		d.cut = rapid.SampledFrom([]string{"abort", "conflict", "kill", "stop", "check", "app"}).Draw(t, "cut")
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
