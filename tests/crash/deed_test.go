package crash

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/overlord/state"
	"pkgd.io/pkgd/tests/world"
)

// Deeds that are looked at in a way of their own.
const (
	byItself     = "refresh by itself, from a store" // nobody asks for it
	wellTogether = "refresh of two, together"
	backTogether = "refresh of two, together, that is taken back"
)

// deeds are all that are died in.
var deeds = append(world.Deeds,
	world.Deed{Name: "unhold", Prepare: held, Do: ask("unhold", "")},
	world.Deed{Name: "unset", Prepare: (*world.World).Installed, Do: func(w *world.World) { _, _ = w.Set("null") }},
	world.Deed{Name: wellTogether, Prepare: two, Do: together(world.Well)},
	world.Deed{Name: backTogether, Prepare: two, Do: together(world.Broken)},
	world.Deed{Name: byItself, Prepare: storeHasMore, Do: refreshByItself},
)

func ask(action, transaction string, targets ...string) func(*world.World) {
	if len(targets) == 0 {
		targets = []string{"web"}
	}
	return func(w *world.World) {
		answer, err := w.Client.Do(w.Ctx(), api.PackageRequest{Action: action, Targets: targets, Transaction: transaction})
		if err == nil && answer.Change != "" {
			_, _ = w.Client.WaitChange(w.Ctx(), answer.Change)
		}
	}
}

func held(w *world.World) {
	w.Installed()
	w.Start()
	ask("hold", "")(w)
	w.Stop()
}

// two puts web 41 and db 41 on the world.
func two(w *world.World) {
	w.Installed()
	w.Start()
	w.MustDo("install", w.PackAs("db", "41", world.Well))
	w.Stop()
}

// together refreshes both in one transaction; health is db's.
func together(health string) func(*world.World) {
	return func(w *world.World) {
		ask("refresh", "all", w.Pack("42", world.Well), w.PackAs("db", "42", health))(w)
	}
}

// What the configuration says before and after pkgd is to look by itself.
const (
	quiet    = "refresh: {hold: true}"
	schedule = "refresh: {schedule: 1h}"
)

// storeHasMore has a store offer web 42, at which pkgd last looked long ago.
func storeHasMore(w *world.World) {
	w.Installed()
	shop := filepath.Join(w.Pkgs, "store")
	w.Write(filepath.Join(shop, "README"), "", 0o644)
	if out, err := exec.Command(filepath.Join(bin, "pkgd"), "pack", w.Pack("42", world.Well), filepath.Join(shop, "web_42.pkg")).CombinedOutput(); err != nil {
		w.Fatalf("%v: %s", err, out)
	}
	w.Write(w.Dirs.Config(), w.Read(w.Dirs.Config())+"\nstores: ["+shop+"]\n"+quiet+"\n", 0o644)
	st, err := state.Open(w.Dirs.State(), state.Options{})
	if err != nil {
		w.Fatal(err)
	}
	st.Lock()
	st.Set("looked-for-updates", time.Now().Add(-24*time.Hour))
	st.Unlock()
	if err := st.Close(); err != nil {
		w.Fatal(err)
	}
}

// refreshByItself lets pkgd look, and waits until it has found something, or died.
func refreshByItself(w *world.World) {
	w.Write(w.Dirs.Config(), strings.Replace(w.Read(w.Dirs.Config()), quiet, schedule, 1), 0o644)
	_ = w.Cmd.Process.Signal(syscall.SIGHUP)
	ctx := w.Ctx()
	for ctx.Err() == nil {
		list, err := w.Client.Changes(ctx)
		for _, chg := range list {
			if err == nil && chg.Kind == "refresh" {
				_, _ = w.Client.WaitChange(ctx, chg.ID)
				return
			}
		}
	}
}

// owed narrows down how a host may look: what pkgd was to do by itself it also
// does after a death.
func (h *host) owed(d world.Deed, may map[string]world.View) map[string]world.View {
	if d.Name == byItself && strings.Contains(h.Read(h.Dirs.Config()), schedule) {
		return map[string]world.View{"after": may["after"]}
	}
	return may
}
