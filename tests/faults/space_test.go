package faults

import (
	"testing"

	"pkgd.io/pkgd/internal/api"
)

func TestFullDiskIsToldAndNothingIsLost(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, action := range []string{"install", "refresh", "revert"} {
			t.Run(kind+" "+action, func(t *testing.T) {
				requires(t, "mkfs.ext4")
				w, old, next := newWorld(t, kind), 0, 1
				target := w.pack("41", well)
				if action != "install" {
					w.installed()
					old, next, target = 1, 2, w.pack("42", well)
				}
				w.start()
				if action == "revert" {
					w.mustDo("refresh", target)
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
				w.holds(end)
				if end == old {
					w.mustDo(action, target)
					w.holds(next)
				}
				w.cleanAfterRestart(next)
				report(t, "no space left, "+kind, action, 1, "told; done when there was space again")
			})
		}
	}
}

// mustDo does something that nothing hinders.
func (w *world) mustDo(action, target string) {
	w.t.Helper()
	chg, err := w.ask(action, target)
	if err == nil {
		err = failure(chg)
	}
	if err != nil {
		w.t.Fatalf("cannot %s: %v\n%s", action, err, w.log.String())
	}
}

// begin asks for something while a fault lasts: it is refused, or ends badly
// with an error, or it waits for the fault to go, and its number is given.
func (w *world) begin(action, target string) (change string, err error) {
	w.t.Helper()
	before := w.newestChange()
	answer, err := w.c.Do(w.ctx(), api.PackageRequest{Action: action, Targets: []string{target}})
	if err != nil {
		if change = w.newestChange(); change == before {
			return "", err
		}
		return change, err // it is taken back
	}
	var chg api.Change
	eventually(w.t, "the change ends or the store tells of the fault", func() bool {
		if chg, err = w.c.Change(w.ctx(), answer.Change); err != nil {
			w.t.Fatal(err)
		}
		s, err := w.c.System(w.ctx())
		return chg.Ready || err == nil && s.Store != "ok"
	})
	if chg.Ready {
		return answer.Change, failure(chg)
	}
	return answer.Change, nil
}

// newestChange is empty where there was none yet.
func (w *world) newestChange() string {
	w.t.Helper()
	list, err := w.c.Changes(w.ctx())
	if err != nil {
		w.t.Fatal(err)
	}
	if len(list) == 0 {
		return ""
	}
	return list[0].ID
}

// endOf waits for a change to end and gives the revision that has to run then.
func (w *world) endOf(change string, old, next int) int {
	w.t.Helper()
	if change == "" {
		return old
	}
	chg, err := w.c.WaitChange(w.ctx(), change)
	if err != nil {
		w.t.Fatalf("change %s does not end: %v\n%s", change, err, w.log.String())
	}
	if chg.Status != "Done" {
		return old
	}
	return next
}

// sayNothingFalse looks, while a fault lasts, whether health is told and is not
// that of a revision which does not run.
func (w *world) sayNothingFalse(revs ...int) {
	w.t.Helper()
	for _, r := range w.answers().Packages {
		if n, rev := w.serving(); r.Status == "active" && n != 1 {
			w.t.Errorf("health is active of revision %d while %d services run, of %s", r.Revision, n, rev)
		}
	}
}

// recovers waits until the store can be written again.
func (w *world) recovers() {
	w.t.Helper()
	eventually(w.t, "the store can be written", func() bool {
		s, err := w.c.System(w.ctx())
		return err == nil && s.Store == "ok"
	})
}
