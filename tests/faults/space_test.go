package faults

import (
	"testing"

	"pkgd.io/pkgd/internal/api"

	"pkgd.io/pkgd/tests/world"
)

func TestFullDiskIsToldAndNothingIsLost(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, action := range []string{"install", "refresh", "revert"} {
			t.Run(kind+" "+action, func(t *testing.T) {
				requires(t, "mkfs.ext4")
				w, old, next := newSite(t, kind), 0, 1
				target := w.Pack("41", world.Well)
				if action != "install" {
					w.Installed()
					old, next, target = 1, 2, w.Pack("42", world.Well)
				}
				w.Start()
				if action == "revert" {
					w.MustDo("refresh", target)
					old, next, target = 2, 1, "web"
				}
				give := w.disk.fill()
				change, err := w.begin(action, target)
				if err != nil {
					w.says(err, "space")
				}
				w.sayNothingFalse(old, next)
				give()
				w.recovers()
				end := w.endOf(change, old, next)
				w.Holds(end)
				if end == old {
					w.MustDo(action, target)
					w.Holds(next)
				}
				w.cleanAfterRestart(next)
				world.Report(t, "no space left, "+kind, action, 1, "told; done when there was space again")
			})
		}
	}
}

// begin asks for something while a fault lasts: it is refused, or ends badly
// with an error, or it waits for the fault to go, and its number is given.
func (w *site) begin(action, target string) (change string, err error) {
	w.Helper()
	before := w.newestChange()
	answer, err := w.Client.Do(w.Ctx(), api.PackageRequest{Action: action, Targets: []string{target}})
	if err != nil {
		if change = w.newestChange(); change == before {
			return "", err
		}
		return change, err // it is taken back
	}
	var chg api.Change
	world.Eventually(w.TB, "the change ends or the store tells of the fault", func() bool {
		if chg, err = w.Client.Change(w.Ctx(), answer.Change); err != nil {
			w.Fatal(err)
		}
		s, err := w.Client.System(w.Ctx())
		return chg.Ready || err == nil && s.Store != "ok"
	})
	if chg.Ready {
		return answer.Change, world.Failure(chg)
	}
	return answer.Change, nil
}

// newestChange is empty where there was none yet.
func (w *site) newestChange() string {
	w.Helper()
	list, err := w.Client.Changes(w.Ctx())
	if err != nil {
		w.Fatal(err)
	}
	if len(list) == 0 {
		return ""
	}
	return list[0].ID
}

// endOf waits for a change to end and gives the revision that has to run then.
func (w *site) endOf(change string, old, next int) int {
	w.Helper()
	if change == "" {
		return old
	}
	chg, err := w.Client.WaitChange(w.Ctx(), change)
	if err != nil {
		w.Fatalf("change %s does not end: %v\n%s", change, err, w.Said)
	}
	if chg.Status != "Done" {
		return old
	}
	return next
}

// sayNothingFalse looks, while a fault lasts, whether health is told and is not
// that of a revision which does not run.
func (w *site) sayNothingFalse(revs ...int) {
	w.Helper()
	for _, r := range w.answers().Packages {
		if n, rev := w.Serving(); r.Status == "active" && n != 1 {
			w.Errorf("health is active of revision %d while %d services run, of %s", r.Revision, n, rev)
		}
	}
}

// recovers waits until the store can be written again.
func (w *site) recovers() {
	w.Helper()
	world.Eventually(w.TB, "the store can be written", func() bool {
		s, err := w.Client.System(w.Ctx())
		return err == nil && s.Store == "ok"
	})
}
