package daemon_test

import (
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/api"
)

func TestTheOutboxOfReportsIsShown(t *testing.T) {
	f := newFake()
	f.made.outbox = api.Outbox{Device: "5eed", Changes: 3, LastError: "the collector answers 502 Bad Gateway"}
	h := startWith(t, f, nil)
	resp, b := h.ask("GET", "/v1/debug/reports", "")
	if resp.StatusCode != 200 || !strings.Contains(string(b), `"changes":3`) || !strings.Contains(string(b), "502 Bad Gateway") {
		t.Errorf("%s: %s", resp.Status, b)
	}
}
