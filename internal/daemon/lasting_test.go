package daemon_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/api"
)

func TestWhatCannotBeRememberedIsRefusedAtOnce(t *testing.T) {
	f := newFake()
	f.store, f.synced = syscall.ENOSPC, syscall.ENOSPC
	h := startWith(t, f, nil)
	for path, body := range map[string]string{
		"/v1/packages":          `{"action":"refresh","targets":["web"]}`,
		"/v1/packages/web":      `{"action":"hold"}`,
		"/v1/packages/web/data": `{"action":"restore","id":"web-2"}`,
		"/v1/config/web":        `{"port":99}`,
		"/v1/services":          `{"action":"stop","names":["web"]}`,
		"/v1/warnings":          `{"action":"okay"}`,
	} {
		status, refusal := h.refused("POST", path, body)
		if status != 503 || refusal.Kind != api.ErrStore || !strings.Contains(refusal.Message, "no space left on device; nothing was begun") || refusal.Hint == "" {
			t.Errorf("%s: %d %+v", path, status, refusal)
		}
	}
	if got := slices.DeleteFunc(f.notes(), func(s string) bool { return s == "sync" }); len(got) > 0 {
		t.Errorf("all the same were done: %v", got)
	}
}

func TestWhatMakesRoomOrOnlyLooksIsDoneWhileTheStateCannotBeWritten(t *testing.T) {
	f := newFake()
	f.store, f.synced = syscall.ENOSPC, syscall.ENOSPC
	h := startWith(t, f, nil)
	for path, body := range map[string]string{
		"/v1/packages":          `{"action":"refresh","targets":["web"],"dry-run":true}`,
		"/v1/packages/web/data": `{"action":"drop","id":"web-2"}`,
		"/v1/changes/7":         `{"action":"abort"}`,
		"/v1/health":            `{}`,
	} {
		if resp, b := h.ask("POST", path, body); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, b)
		}
	}
	if resp, _ := h.ask("GET", "/v1/packages", ""); resp.StatusCode != 200 {
		t.Errorf("a read is answered with %d", resp.StatusCode)
	}
}

func TestADiskThatWorksAgainIsFoundOutByTheRequest(t *testing.T) {
	f := newFake()
	f.store, f.made.change = syscall.ENOSPC, "7"
	h := startWith(t, f, nil)
	resp, b := h.ask("POST", "/v1/packages", `{"action":"refresh","targets":["web"]}`)
	if resp.StatusCode != 202 || !strings.Contains(string(b), `"change":"7"`) {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
}

func TestAChangeThatIsNotOnTheDiskIsTakenBack(t *testing.T) {
	f := newFake()
	f.breaks, f.made.change = true, "7"
	h := startWith(t, f, nil)
	status, refusal := h.refused("POST", "/v1/packages", `{"action":"refresh","targets":["web"]}`)
	if status != 503 || refusal.Kind != api.ErrStore || !strings.Contains(refusal.Message, "change 7 is taken back") {
		t.Errorf("%d %+v", status, refusal)
	}
	if got := f.notes(); !slices.Contains(got, "abort 7") {
		t.Errorf("asked was: %v", got)
	}
}

func TestAHoldThatIsNotOnTheDiskIsNotCalledDone(t *testing.T) {
	f := newFake()
	f.breaks = true
	h := startWith(t, f, nil)
	status, refusal := h.refused("POST", "/v1/packages/web", `{"action":"hold"}`)
	if status != 503 || !strings.Contains(refusal.Message, "a restart may forget it") {
		t.Errorf("%d %+v", status, refusal)
	}
}
