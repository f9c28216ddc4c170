package servicetest

import "testing"

// scenario is one thing that every manager must do.
type scenario struct {
	says string
	test func(h *house)
}

// Suite runs all scenarios against managers that make gives, a new one each.
func Suite(t *testing.T, make Maker) {
	t.Helper()
	for _, list := range [][]scenario{life, ends, starts, restarts, bounds, turns, logs} {
		for _, s := range list {
			t.Run(s.says, func(t *testing.T) { s.test(newHouse(t, make)) })
		}
	}
}
