package pkgstate_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
)

// putAside installs a package and has data of revision 2 set aside.
func (h *host) putAside() (id string) {
	h.t.Helper()
	h.install(h.tree(serving, nil))
	h.finish(h.begin(api.PackageRequest{Action: "refresh", Targets: []string{h.tree(next, nil)}}))
	h.write(h.dirs.DataRevision("web", 2)+"/of", "2", 0o644)
	h.finish(h.begin(api.PackageRequest{Action: "revert", Targets: []string{"web"}}))
	items, err := h.life.packages.Data("web")
	must(h.t, err)
	if len(items) != 1 {
		h.t.Fatalf("set aside: %v", items)
	}
	return items[0].ID
}

func (h *host) wantData(rev int, want string) {
	h.t.Helper()
	got, err := os.ReadFile(h.dirs.DataRevision("web", rev) + "/of")
	must(h.t, err)
	if string(got) != want {
		h.t.Errorf("data of revision %d are of %s, want %s", rev, got, want)
	}
}

func TestNoChangeBeginsWhileDataAreBroughtBack(t *testing.T) {
	h := newHost(t)
	id := h.putAside()
	late := h.life.services.hold()
	restored := make(chan error, 1)
	packages := h.life.packages
	go func() { restored <- packages.DataAction(h.ctx, "web", api.DataRequest{Action: "restore", ID: id}) }()
	<-late.asked
	for _, action := range []string{"revert", "remove"} {
		_, _, err := packages.Do(h.ctx, api.PackageRequest{Action: action, Targets: []string{"web"}})
		var refusal *api.Error
		if !errors.As(err, &refusal) || refusal.Kind != api.ErrConflict {
			t.Errorf("%s meanwhile: %v, want a conflict", action, err)
		}
	}
	late.letGo()
	must(t, <-restored)
	h.wantData(1, "2")
	h.finish(h.begin(api.PackageRequest{Action: "remove", Targets: []string{"web"}}))
}

func TestDataAreBroughtBackThoughWhoAskedHasGone(t *testing.T) {
	h := newHost(t)
	id := h.putAside()
	late := h.life.services.hold()
	restored := make(chan error, 1)
	packages := h.life.packages
	ctx, leave := context.WithCancel(h.ctx)
	go func() { restored <- packages.DataAction(ctx, "web", api.DataRequest{Action: "restore", ID: id}) }()
	<-late.asked
	leave()
	late.letGo()
	must(t, <-restored)
	if names := h.running(); len(names) != 1 {
		t.Errorf("%v run, want the service", names)
	}
}

func TestADeathWhileDataAreBroughtBackLeavesAPackageWithData(t *testing.T) {
	h := newHost(t)
	id := h.putAside()
	h.end(func(st *state.State) {
		st.Set("restoring/web", map[string]any{"id": id, "to": 1})
		must(t, os.Rename(h.dirs.DataRevision("web", 1), h.dirs.RevertedData()+"/away"))
	})
	h.start()
	h.turn()
	h.wantData(1, "2")
	h.finish(h.begin(api.PackageRequest{Action: "remove", Targets: []string{"web"}}))
}
