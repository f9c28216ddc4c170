package crash

import (
	"maps"
	"slices"

	"pkgd.io/pkgd/tests/world"
)

// boundaries are the statuses in which deaths have found each task of a deed, on
// the disk: what is Doing has begun and not ended, what is Done has ended, and
// the next may not have begun.
type boundaries map[string]map[string]bool

// look notes the statuses of the tasks of the newest change, as the disk of a
// host without a daemon has them.
func (b boundaries) look(h *host) {
	h.Helper()
	for task, status := range h.Tasks() {
		if b[task] == nil {
			b[task] = map[string]bool{}
		}
		b[task][status] = true
	}
}

// missed lists what a run that ended so must have gone through, and no death has
// found.
func (b boundaries) missed(final map[string]string) (list []string) {
	through := map[string][]string{"Done": {"Do", "Doing", "Done"}, "Undone": {"Do", "Doing", "Done", "Undoing", "Undone"}}
	for _, task := range slices.Sorted(maps.Keys(final)) {
		for _, status := range through[final[task]] {
			if !b[task][status] {
				list = append(list, task+" "+status)
			}
		}
	}
	return list
}

// complete fails for a boundary at which nobody died. What works side by side
// shares a commit now and then, each time another: then the deaths go on, from
// the first step to the last again, until all boundaries were met. Each is
// recovered from, as those before were.
func (b boundaries) complete(h *host, d world.Deed, s steps, last int, through map[string]string, comeBack func(h *host, died bool) string) {
	h.Helper()
	for n := 0; n < maxSteps && !h.Failed() && len(b.missed(through)) > 0; n++ {
		again := h.again(h.t)
		died := again.dieAt(s, 1+n%last)
		again.live(d.Do)
		if died.Load() {
			b.look(again)
		}
		comeBack(again, died.Load())
		again.Stop()
	}
	if missed := b.missed(through); len(missed) > 0 {
		h.Errorf("nobody died while these were so: %q", missed)
	}
}
