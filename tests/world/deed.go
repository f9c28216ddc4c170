package world

import (
	"pkgd.io/pkgd/internal/api"
)

// Deed is something that an admin asks for, on a host that was prepared for it.
// The host may die meanwhile.
type Deed struct {
	Name    string
	Prepare func(*World)
	Do      func(*World)
}

// Deeds are all that change what is installed, how it is configured or served.
var Deeds = []Deed{
	{"first start", func(*World) {}, func(*World) {}},
	{"install", func(w *World) { w.Start(); w.Stop() }, install("41", Well)},
	{"install that is unwell", func(w *World) { w.Start(); w.Stop() }, install("41", Broken)},
	{"refresh", (*World).Installed, Refresh("42", Well)},
	{"refresh that is taken back", (*World).Installed, Refresh("42", Broken)},
	{"revert by hand", (*World).refreshed, askFor(api.PackageRequest{Action: "revert", Targets: []string{"web"}})},
	{"remove", (*World).Installed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}})},
	{"purge", (*World).Installed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}, Purge: true})},
	{"remove of several revisions", (*World).refreshed, askFor(api.PackageRequest{Action: "remove", Targets: []string{"web"}})},
	{"refresh that discards a revision", (*World).refreshed, Refresh("43", Well)},
	{"hold", (*World).Installed, askFor(api.PackageRequest{Action: "hold", Targets: []string{"web"}})},
	{"configure", (*World).Installed, func(w *World) { _, _ = w.Set("99") }},
	{"stop of services", (*World).Installed, func(w *World) {
		id, err := w.Client.ServiceAction(w.Ctx(), api.ServiceRequest{Action: "stop", Names: []string{"web"}})
		if err == nil {
			_, _ = w.Client.WaitChange(w.Ctx(), id)
		}
	}},
}

// refreshed puts web 42 on the host, over 41.
func (w *World) refreshed() {
	w.Helper()
	w.Installed()
	w.Start()
	w.MustDo("refresh", w.Pack("42", Well))
	w.Stop()
}

func install(version, health string) func(*World) {
	return func(w *World) { _, _ = w.Ask("install", w.Pack(version, health)) }
}

// Refresh asks for a refresh to what Pack makes.
func Refresh(version, health string) func(*World) {
	return func(w *World) { _, _ = w.Ask("refresh", w.Pack(version, health)) }
}

func askFor(req api.PackageRequest) func(*World) {
	return func(w *World) {
		answer, err := w.Client.Do(w.Ctx(), req)
		if err == nil && answer.Change != "" {
			_, _ = w.Client.WaitChange(w.Ctx(), answer.Change)
		}
	}
}

// Ends gives how a host that is ready for a deed looks before and after it when
// nobody dies. The daemon does not run when it begins, nor afterwards.
func (w *World) Ends(d Deed) map[string]View {
	w.Helper()
	w.Start()
	w.AwaitServices()
	before := w.Look()
	d.Do(w)
	after := w.Look()
	w.Stop()
	return map[string]View{"before": before, "after": after}
}
