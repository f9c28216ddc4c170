package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/service"
)

func TestOrderPutsEachUnitBehindThoseItFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var units []service.Unit
		for i := range rapid.IntRange(0, 8).Draw(t, "units") {
			u := service.Unit{Package: "p", Name: fmt.Sprint(i)}
			for j := range i {
				if rapid.Bool().Draw(t, "follows") {
					u.After = append(u.After, fmt.Sprint(j))
				}
			}
			units = append(units, u)
		}
		units = rapid.Permutation(units).Draw(t, "told in the order")
		sorted, err := service.Order(units)
		if err != nil || len(sorted) != len(units) {
			t.Fatalf("%d of %d units are left: %v", len(sorted), len(units), err)
		}
		for i, u := range sorted {
			if j := slices.IndexFunc(sorted[i:], u.Follows); j >= 0 {
				t.Fatalf("%s comes before %s, which it follows", u.ID(), sorted[i+j].ID())
			}
		}
	})
}

func TestOrderLeavesUnitsThatDoNotDependAsTheyAre(t *testing.T) {
	units := []service.Unit{{Package: "p", Name: "c"}, {Package: "p", Name: "a", After: []string{"gone"}}, {Package: "q", Name: "b", After: []string{"c"}}}
	sorted, err := service.Order(units)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range sorted {
		if u.ID() != units[i].ID() {
			t.Errorf("place %d has %s, want %s", i, u.ID(), units[i].ID())
		}
	}
}

func TestOrderNamesTheUnitsOfARing(t *testing.T) {
	_, err := service.Order([]service.Unit{
		{Package: "p", Name: "a", After: []string{"b"}}, {Package: "p", Name: "b", After: []string{"a"}}, {Package: "p", Name: "c"},
	})
	if err == nil || !strings.Contains(err.Error(), "[p.a p.b]") {
		t.Errorf("a ring gives %v", err)
	}
}

func TestOrderRefusesAUnitThatIsThereTwice(t *testing.T) {
	_, err := service.Order([]service.Unit{{Package: "p", Name: "a"}, {Package: "q", Name: "a"}, {Package: "p", Name: "a"}})
	if err == nil || !strings.Contains(err.Error(), `"p.a" is there twice`) {
		t.Errorf("the same unit twice gives %v", err)
	}
}
