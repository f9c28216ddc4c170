package httpserver_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/daemon/httpserver"
)

func TestWhoHoldsMostAndAsksNothingGivesWay(t *testing.T) {
	c := httpserver.NewCrowd(4, 4)
	var gone []string
	enter := func(party, name string) *httpserver.Seat {
		return c.Enter(party, func() { gone = append(gone, name) })
	}
	enter("a", "a1")
	busy := enter("b", "b1")
	httpserver.Asks(busy, true)
	enter("b", "b2")
	enter("b", "b3")
	enter("c", "c1") // b has most
	enter("d", "d1") // a, b, c are equal: the seat of somebody who asks nothing
	if gone[0] != "b2" || len(gone) != 2 || gone[1] == "b1" {
		t.Errorf("these gave way: %v", gone)
	}
}

func TestPartyAtItsLimitLosesItsOwnSeatsOnly(t *testing.T) {
	c := httpserver.NewCrowd(100, 2)
	var gone []string
	for i := range 4 {
		c.Enter("a", func() { gone = append(gone, fmt.Sprint(i)) })
	}
	c.Enter("b", func() { gone = append(gone, "b") })
	if fmt.Sprint(gone) != "[0 1]" {
		t.Errorf("these gave way: %v", gone)
	}
}

// drawn is one connection of a random crowd.
type drawn struct {
	seat  *httpserver.Seat
	party string
	asks  bool
	gone  bool
}

// TestCrowdsKeepTheirRules plays random comings, goings and askings: bounds hold,
// nobody who asks is hung up on, and somebody is refused only where all ask.
func TestCrowdsKeepTheirRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most, each := rapid.IntRange(1, 6).Draw(t, "most"), rapid.IntRange(1, 4).Draw(t, "each")
		c := httpserver.NewCrowd(most, each)
		var all []*drawn
		there := func(party string, asking bool) (n int) {
			for _, d := range all {
				if !d.gone && (party == "" || d.party == party) && (!asking || d.asks) {
					n++
				}
			}
			return n
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			party := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "party")
			full, stuck := there("", false) == most, there("", true) == most
			if there(party, false) == each {
				full, stuck = true, there(party, true) == each
			}
			switch what := rapid.SampledFrom([]string{"enter", "enter", "leave", "ask", "done"}).Draw(t, "what"); what {
			case "enter":
				d := &drawn{party: party}
				d.seat = c.Enter(party, func() {})
				if (d.seat == nil) != (full && stuck) {
					t.Fatalf("seat %v where full is %v and all asking %v", d.seat, full, stuck)
				}
				for _, other := range all {
					if !other.gone && httpserver.Left(other.seat) {
						other.gone = true
						if other.asks || !full {
							t.Fatalf("%+v had to go", other)
						}
					}
				}
				if d.seat != nil {
					all = append(all, d)
				}
			default:
				if len(all) == 0 {
					continue
				}
				d := all[rapid.IntRange(0, len(all)-1).Draw(t, "who")]
				if what == "leave" {
					d.seat.Leave()
					d.gone = true
					continue
				}
				httpserver.Asks(d.seat, what == "ask")
				d.asks = what == "ask"
			}
			if there("", false) > most || there(party, false) > each || c.Of(party) != there(party, false) {
				t.Fatalf("%d of %s, %d in all; the crowd says %d", there(party, false), party, there("", false), c.Of(party))
			}
		}
	})
}
