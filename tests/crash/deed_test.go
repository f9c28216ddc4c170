package crash

import (
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/world"
)

// deed is something that an admin asks for, on a host that was prepared for it.
// The host may die meanwhile.
type deed struct {
	name    string
	prepare func(*host)
	do      func(*host)
}

var deeds = []deed{
	{"install", func(h *host) { h.Start(); h.Stop() }, ask("install", "41", world.Well)},
	{"install that is unwell", func(h *host) { h.Start(); h.Stop() }, ask("install", "41", world.Broken)},
	{"refresh", (*host).Installed, ask("refresh", "42", world.Well)},
	{"refresh that is taken back", (*host).Installed, ask("refresh", "42", world.Broken)},
	{"revert by hand", (*host).refreshed, askFor(api.PackageRequest{Action: "revert", Targets: []string{"web"}})},
	{"remove", (*host).Installed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}})},
	{"purge", (*host).Installed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}, Purge: true})},
	{"remove of several revisions", (*host).refreshed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}})},
	{"refresh that discards a revision", (*host).refreshed, ask("refresh", "43", world.Well)},
	{"hold", (*host).Installed, askFor(api.PackageRequest{Action: "hold", Targets: []string{"web"}})},
	{"configure", (*host).Installed, func(h *host) { _, _ = h.Set("99") }},
	{"stop of services", (*host).Installed, func(h *host) {
		id, err := h.Client.ServiceAction(h.Ctx(), api.ServiceRequest{Action: "stop", Names: []string{"web"}})
		if err == nil {
			_, _ = h.Client.WaitChange(h.Ctx(), id)
		}
	}},
}

// refreshed puts web 42 on the host, over 41.
func (h *host) refreshed() {
	h.Helper()
	h.Installed()
	h.Start()
	h.MustDo("refresh", h.Pack("42", world.Well))
	h.Stop()
}

func ask(action, version, health string) func(*host) {
	return func(h *host) { _, _ = h.Ask(action, h.Pack(version, health)) }
}

func askFor(req api.PackageRequest) func(*host) {
	return func(h *host) {
		answer, err := h.Client.Do(h.Ctx(), req)
		if err == nil && answer.Change != "" {
			_, _ = h.Client.WaitChange(h.Ctx(), answer.Change)
		}
	}
}

// prepared gives a host on which a deed is about to be done, and how the host
// looks before and after it when nobody dies.
func prepared(t *testing.T, d deed) (ready *host, may map[string]view) {
	t.Helper()
	ready = newHost(t)
	d.prepare(ready)
	ready.keep()
	h := ready.again(t)
	h.Start()
	if _, err := h.Client.Package(h.Ctx(), "web"); err == nil {
		h.AwaitService()
	}
	before := h.look()
	d.do(h)
	after := h.look()
	h.Stop()
	return ready, map[string]view{"before": before, "after": after}
}
