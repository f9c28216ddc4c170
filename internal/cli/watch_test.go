package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	allWell = `{"level":"OK","counts":{"active":1},"packages":[{"package":"web","version":"1","status":"active","since":"2026-07-29T11:00:00Z","checks":[]}]}`
	broken  = `{"level":"FAULT","counts":{"error":1},"packages":[{"package":"web","version":"1","status":"error","code":"boom","message":"` + long + `","since":"2026-07-29T11:00:00Z","checks":[]}]}`
	long    = "It broke in a way that takes many, many words to tell, more than fit on a line"
	event   = "event: health\ndata: " + `{"type":"health","at":"2026-07-29T12:00:00Z","data":{"at":"2026-07-29T12:00:00Z","package":"web","from":"active","to":"error","code":"boom","message":"It broke"}}` + "\n\n"
)

func TestWatchPipedPrintsThePictureOnceAndThenALineAChange(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("GET /v1/health", allWell)
	d.answer("GET /v1/events?types=health", event)
	r := watchUntil(t, d, newPerson(t, d.root), "→ error", "health", "--watch")
	want := "OK - 1 package: 1 active | active=1 waiting=0 maintenance=0 blocked=0 error=0 unknown=0\n" +
		"NAME  VERSION  STATUS  SINCE  WHY\nweb   1        active  1 h\n" +
		"2026-07-29T12:00:00Z web active → error  boom: It broke\n"
	if diff := cmp.Diff(want, r.stdout); r.code != 0 || diff != "" {
		t.Errorf("exit %d, %s (-want +got):\n%s", r.code, r.stderr, diff)
	}
}

func TestWatchOnATerminalRedrawsOnePictureThatFits(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("GET /v1/health", allWell)
	d.answer("GET /v1/events?types=health", event)
	p := newPerson(t, d.root)
	p.terminal = true
	p.env["NO_COLOR"] = "1"
	p.stdout.on = func(string) { d.answer("GET /v1/health", broken) }
	r := watchUntil(t, d, p, "boom", "health", "--watch")
	pictures := strings.Split(r.stdout, "\x1b[4A\x1b[J")
	want := []string{
		"OK - 1 package: 1 active\nNAME  VERSION  STATUS  SINCE  WHY\nweb   1        active  1 h\nwatching: Ctrl-C ends\n",
		"FAULT - 1 package: 1 error\nNAME  VERSION  STATUS  SINCE  WHY\n" +
			"web   1        error   1 h    boom: It broke in a way that takes many, many wor…\nwatching: Ctrl-C ends\n",
	}
	if diff := cmp.Diff(want, pictures); r.code != 0 || diff != "" {
		t.Errorf("exit %d, %s (-want +got):\n%s", r.code, r.stderr, diff)
	}
}

// Names and versions may be long; why a package is not well matters most.
func TestWatchOnANarrowTerminalLeavesRoomForWhy(t *testing.T) {
	d := newFakeDaemon(t)
	long := strings.NewReplacer(`"web"`, `"a-package-with-a-long-name"`, `"version":"1"`, `"version":"20261121.154501-0a1b2c3d4e5f"`).Replace(broken)
	d.answer("GET /v1/health", long)
	d.answer("GET /v1/events?types=health", event)
	p := newPerson(t, d.root)
	p.terminal = true
	p.env["NO_COLOR"] = "1"
	r := watchUntil(t, d, p, "boom", "health", "--watch")
	want := "a-package-with-a…  20261121.154501-0…  error   1 h    boom: It broke in a way t…\n"
	if !strings.Contains(r.stdout, want) {
		t.Errorf("no %q in\n%s", want, r.stdout)
	}
}

func TestWatchOfOnePackageIgnoresOthers(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("GET /v1/health/db", `{"package":"db","version":"1","status":"active","checks":[]}`)
	d.answer("GET /v1/events?types=health", event+strings.ReplaceAll(event, `"web"`, `"db"`))
	r := watchUntil(t, d, newPerson(t, d.root), "→ error", "health", "db", "--watch")
	if strings.Contains(r.stdout, "web") || !strings.Contains(r.stdout, "db active → error") {
		t.Errorf("got %+v", r)
	}
}

func TestWatchInJSONIsOneValueAfterTheOther(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("GET /v1/health", `{"level":"UNKNOWN","counts":{},"packages":[]}`)
	d.answer("GET /v1/events?types=health", event)
	r := watchUntil(t, d, newPerson(t, d.root), `"boom"`, "health", "--watch", "--format=json")
	want := "{\n  \"level\": \"UNKNOWN\",\n  \"counts\": {},\n  \"packages\": []\n}\n" +
		`{"at":"2026-07-29T12:00:00Z","package":"web","revision":0,"from":"active","to":"error","code":"boom","message":"It broke","phase":""}` + "\n"
	if diff := cmp.Diff(want, r.stdout); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLogsFollowUntilThePersonHasSeenEnough(t *testing.T) {
	d := newFakeDaemon(t)
	d.answer("GET /v1/logs?follow=true&n=1&names=web", `{"at":"2026-07-29T12:00:00Z","package":"web","service":"www","line":"hello"}`+"\n")
	r := watchUntil(t, d, newPerson(t, d.root), "hello", "logs", "-f", "-n", "1", "web")
	if r.code != 0 || r.stdout != "2026-07-29T12:00:00Z web.www: hello\n" {
		t.Errorf("got %+v", r)
	}
}

// watchUntil types a command that stays, and interrupts it once it has printed
// the text.
func watchUntil(t *testing.T, d *fakeDaemon, p *person, text string, args ...string) result {
	t.Helper()
	ctx, enough := context.WithCancel(t.Context())
	p.ctx = ctx
	before := p.stdout.on
	p.stdout.on = func(all string) {
		if before != nil {
			before(all)
		}
		if strings.Contains(all, text) {
			enough()
		}
	}
	return p.types(args...)
}

// watchUntilStory types a command that stays, and interrupts it once it has
// watched so many times.
func watchUntilStory(t *testing.T, p *person, times int, args ...string) result {
	t.Helper()
	ctx, enough := context.WithCancel(t.Context())
	p.ctx = ctx
	before := p.stderr.on
	p.stderr.on = func(all string) {
		before(all)
		if strings.Count(all, "watching ") == times {
			enough()
		}
	}
	return p.types(args...)
}
