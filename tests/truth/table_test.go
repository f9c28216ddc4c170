package truth

import (
	"testing"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
)

// TestTheTableOfRulesIsTheModels compares the two for whatever can be asked of
// them: histories reach only what hooks can say.
func TestTheTableOfRulesIsTheModels(t *testing.T) {
	for _, before := range healthstate.Statuses() {
		for _, after := range healthstate.Statuses() {
			for bits := range 16 {
				c := content{keep: bits&1 != 0, revertOnBlocked: bits&2 != 0}
				noRevert, died := bits&4 != 0, bits&8 != 0
				o := healthstate.DecideOptions{NoRevert: noRevert, Keep: c.keep, CrashLoop: died}
				if c.revertOnBlocked {
					o.RevertOn = []healthstate.Status{healthstate.Error, healthstate.Blocked}
				}
				if died && after != healthstate.Error {
					continue // what died so often is an error
				}
				got := healthstate.Decide(before, after, o)
				want := decide(string(before), string(after), noRevert, died, c)
				if got.Rule != want.rule || got.Outcome != want.outcome || got.WantsPerson != want.asks || got.Revert != (want.outcome == api.OutcomeReverted) {
					t.Errorf("%s → %s with %+v: %+v, the model says %+v", before, after, o, got, want)
				}
			}
		}
	}
}
