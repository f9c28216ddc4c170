package healthstate_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/pkginfo"
)

func drawCheck(t *rapid.T) api.Check {
	var q *float64
	if rapid.Bool().Draw(t, "has qos") {
		q = qos(rapid.Float64Range(0, 1).Draw(t, "qos"))
	}
	key := rapid.SampledFrom(strings.Split("abcdefghijklmnopqrstuvwxyz", ""))
	value := rapid.StringMatching(`[a-z]{0,400}`)
	c, err := healthstate.NewCheck(
		rapid.StringMatching(`[a-d][0-3]?[0-9]?`).Draw(t, "name"),
		rapid.SampledFrom([]string{"passed", "warn", "fail"}).Draw(t, "health"),
		rapid.SampledFrom([]string{"", "one", "two"}).Draw(t, "message"),
		q, rapid.MapOfN(key, value, 0, 9).Draw(t, "data"))
	if err != nil {
		t.Skip("more than a check may have")
	}
	return c
}

func TestMergingChecksDoesNotDependOnOrderOrGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawCheck), 0, 120).Draw(t, "checks")
		want := healthstate.MergeChecks(list)
		if got := healthstate.MergeChecks(rapid.Permutation(list).Draw(t, "order")); !cmp.Equal(want, got) {
			t.Fatalf("in another order:\n%s", cmp.Diff(want, got))
		}
		cut := rapid.IntRange(0, len(list)).Draw(t, "cut")
		if got := healthstate.MergeChecks(list[cut:], list[:cut]); !cmp.Equal(want, got) {
			t.Fatalf("in two lists:\n%s", cmp.Diff(want, got))
		}
		if len(want) > healthstate.MaxChecks || !slices.IsSortedFunc(want, func(a, b api.Check) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatalf("%d checks, or not sorted", len(want))
		}
		for _, c := range want {
			if len(c.Data) > healthstate.MaxData || healthstate.CheckSize(c) > healthstate.MaxCheckSize {
				t.Fatalf("check %q has %d data and %d bytes", c.Name, len(c.Data), healthstate.CheckSize(c))
			}
		}
	})
}

func TestOfTooManyChecksTheWorstStay(t *testing.T) {
	var list []api.Check
	for i := range 100 {
		health := "passed"
		if i%10 == 9 {
			health = "fail"
		}
		list = append(list, api.Check{Name: fmt.Sprintf("c%02d", i), Health: health})
	}
	fails := 0
	for _, c := range healthstate.MergeChecks(list) {
		if c.Health == "fail" {
			fails++
		}
	}
	if fails != 10 {
		t.Errorf("%d of 10 failing checks stayed", fails)
	}
}

func TestTwoChecksOfOneNameBecomeTheWorst(t *testing.T) {
	a := api.Check{Name: "disk", Health: "warn", Message: "90 %", QoS: qos(0.5), Data: map[string]string{"used": "90", "of": "1T"}}
	b := api.Check{Name: "disk", Health: "fail", Message: "full", Data: map[string]string{"used": "100", "free": "0"}}
	want := []api.Check{{Name: "disk", Health: "fail", Message: "full", QoS: qos(0.5), Data: map[string]string{"used": "100", "of": "1T", "free": "0"}}}
	if diff := cmp.Diff(want, healthstate.MergeChecks([]api.Check{a}, []api.Check{b})); diff != "" {
		t.Error(diff)
	}
}

func TestAMalformedCheckIsRefusedWithTheReason(t *testing.T) {
	many := map[string]string{}
	for i := range 17 {
		many[fmt.Sprint(i)] = ""
	}
	tests := []struct {
		name, health, message string
		qos                   *float64
		data                  map[string]string
		want                  string
	}{
		{"", "passed", "", nil, nil, "check has no name"},
		{"a\nb", "passed", "", nil, nil, "control characters"},
		{strings.Repeat("x", 65), "passed", "", nil, nil, "longer than 64"},
		{"a\xff", "passed", "", nil, nil, "not valid UTF-8"},
		{"disk", "great", "", nil, nil, `no health "great"; accepted: passed, warn, fail`},
		{"disk", "fail", "a\x07b", nil, nil, "control character U+0007 at byte 1"},
		{"disk", "fail", "", qos(1.5), nil, "qos 1.5; accepted: 0 to 1"},
		{"disk", "fail", "", qos(-0.1), nil, "accepted: 0 to 1"},
		{"disk", "fail", "", qos(math.NaN()), nil, "accepted: 0 to 1"},
		{"disk", "fail", "", nil, many, "17 data keys; at most 16"},
		{"disk", "fail", "", nil, map[string]string{"": "x"}, "datum has no name"},
		{"disk", "fail", "", nil, map[string]string{"k": "a\nb"}, `value of "k" is not one line`},
		{"disk", "fail", "", nil, map[string]string{"k": strings.Repeat("x", 4096)}, "at most 4096 are kept"},
	}
	for _, tt := range tests {
		_, err := healthstate.NewCheck(tt.name, tt.health, tt.message, tt.qos, tt.data)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("check %q: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestRollUp(t *testing.T) {
	list := func(healths string) (list []api.Check) {
		for i, h := range healths {
			list = append(list, api.Check{Name: fmt.Sprintf("c%d", i), Health: map[rune]string{'p': "passed", 'w': "warn", 'f': "fail"}[h], Message: "why"})
		}
		return list
	}
	quorum := func(n int) pkginfo.Rollup { return pkginfo.Rollup{Rule: "quorum", N: n} }
	tests := []struct {
		rule   pkginfo.Rollup
		checks string
		want   healthstate.Status
		text   string
	}{
		{pkginfo.Rollup{}, "", healthstate.Unknown, ""},
		{pkginfo.Rollup{}, "pwp", healthstate.Active, ""},
		{pkginfo.Rollup{}, "pfp", healthstate.Error, "c1: why"},
		{pkginfo.Rollup{Rule: "worst"}, "ffp", healthstate.Error, "2 of 3 checks fail: c0, c1"},
		{pkginfo.Rollup{Rule: "majority"}, "pfp", healthstate.Active, ""},
		{pkginfo.Rollup{Rule: "majority"}, "pf", healthstate.Error, "c1: why"},
		{quorum(2), "pwff", healthstate.Active, ""},
		{quorum(3), "pwff", healthstate.Error, "2 of 4 checks fail: c2, c3"},
		{quorum(3), "pp", healthstate.Error, "only 2 of the quorum of 3 checks reported"},
	}
	for _, tt := range tests {
		status, code, message := healthstate.RollUp(tt.rule, list(tt.checks))
		if status != tt.want || message != tt.text {
			t.Errorf("%v of %q: %s %q, want %s %q", tt.rule, tt.checks, status, message, tt.want, tt.text)
		}
		if (status == healthstate.Error) != (code == healthstate.CodeCheckFailed) {
			t.Errorf("%v of %q: code %q", tt.rule, tt.checks, code)
		}
	}
}

func TestWordsOfHooksAreChecked(t *testing.T) {
	for word, want := range map[string]string{
		"okay": "active", "active": "active", "waiting": "waiting", "blocked": "blocked", "maintenance": "maintenance", "error": "error",
		"unknown": "", "": "", "ACTIVE": "", "pending": "",
	} {
		if got, err := healthstate.ParseStatus(word); string(got) != want || (err == nil) != (want != "") {
			t.Errorf("status %q: %q, %v", word, got, err)
		}
	}
	for code, good := range map[string]bool{
		"disk-full": true, "a123": true, "abcd": true, "abc": false, "a-b-c-d": true, "a--bcd": false, "abcd-": false, "1abcd": false,
		"Disk-Full": false, "disk_full": false, "disk full": false, "disk-full\n": false, "": false, "pkgd-stale": false, "snapd-x": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, strings.Repeat("ä", 65): false,
	} {
		if err := healthstate.CheckCode(code); (err == nil) != good {
			t.Errorf("code %q: %v", code, err)
		}
	}
	long := strings.Repeat("ä", 256)
	for in, want := range map[string]string{"": "", "full": "full", long: long, long + "x": strings.Repeat("ä", 255) + "…"} {
		if got, err := healthstate.CleanMessage(in); got != want || err != nil {
			t.Errorf("message %.20q: %.20q, %v", in, got, err)
		}
	}
	for _, in := range []string{"a\nb", "a\tb", "\x1b[31m", "a\u0085b", "a\u2028b", "\xff", "\x00"} {
		if got, err := healthstate.CleanMessage(in); err == nil {
			t.Errorf("message %q was taken as %q", in, got)
		}
	}
	if got, err := healthstate.CleanMessage(long + long); err != nil || utf8.RuneCountInString(got) != 256 {
		t.Errorf("%d runes, %v", utf8.RuneCountInString(got), err)
	}
}
