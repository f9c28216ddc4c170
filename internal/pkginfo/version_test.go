package pkginfo_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/semver"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/pkginfo"
)

func TestVersionsAreOrderedAsSemanticVersions(t *testing.T) {
	older := []string{
		"0", "0.9", "1.0-alpha", "1.0-alpha.1", "1.0-alpha.beta", "1.0-beta", "1.0-beta.2", "1.0-beta.11", "1.0-rc.1", "1.0",
		"1.0.1", "1.9", "1.9b", "1.10-1", "1.10", "1.10b", "1.b", "2", "99999999999999999999999999", "100000000000000000000000000", "a", "b",
	}
	for i, a := range older {
		for j, b := range older {
			if got, want := pkginfo.CompareVersions(a, b), min(1, max(-1, i-j)); got != want {
				t.Errorf("CompareVersions(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestVersionsThatAreTheSame(t *testing.T) {
	for _, pair := range [][2]string{
		{"1", "1.0.0"},
		{"1.2", "1.2.0.0"},
		{"1.2.0", "v1.2.0"},
		{"1.02", "1.2"},
		{"1.2+build.7", "1.2"},
		{"1.2+a-b", "1.2+c"},
		{"1.2-rc.1", "1.2~rc.1"},
		{"1.2-rc.01", "1.2.0-rc.1"},
		{"1.2-", "1.2"},
		{"1..2", "1.0.2"},
	} {
		if got := pkginfo.CompareVersions(pair[0], pair[1]); got != 0 {
			t.Errorf("CompareVersions(%q, %q) = %d", pair[0], pair[1], got)
		}
	}
}

// anyVersion draws from few characters, so that versions are often nearly alike.
func anyVersion() *rapid.Generator[string] {
	return rapid.StringMatching(`[019ab][019ab.+~-]{0,9}`)
}

func TestVersionOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyVersion().Draw(t, "a"), anyVersion().Draw(t, "b"), anyVersion().Draw(t, "c")
		ab, ba := pkginfo.CompareVersions(a, b), pkginfo.CompareVersions(b, a)
		bc, ac := pkginfo.CompareVersions(b, c), pkginfo.CompareVersions(a, c)
		switch {
		case pkginfo.CompareVersions(a, a) != 0:
			t.Errorf("%q is not itself", a)
		case ab != -ba:
			t.Errorf("%q to %q is %d, back it is %d", a, b, ab, ba)
		case ab <= 0 && bc <= 0 && ac > 0, ab >= 0 && bc >= 0 && ac < 0:
			t.Errorf("%q %d %q %d %q, but %d from end to end", a, ab, b, bc, c, ac)
		case ab == 0 && ac != bc:
			t.Errorf("%q and %q are the same, but not to %q", a, b, c)
		}
	})
}

func TestSemanticVersionsAreOrderedAsGoDoes(t *testing.T) {
	version := rapid.StringMatching(`(0|[1-9][0-9]{0,2})\.(0|[1-9])\.(0|[1-9][0-9]?)(-(0|[1-9]|a|rc|1a)(\.(0|[1-9][0-9]|b))?)?(\+x)?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := version.Draw(t, "a"), version.Draw(t, "b")
		if got, want := pkginfo.CompareVersions(a, b), semver.Compare("v"+a, "v"+b); got != want {
			t.Errorf("CompareVersions(%q, %q) = %d, want %d", a, b, got, want)
		}
	})
}

func TestNamesFollowTheRule(t *testing.T) {
	for _, name := range []string{"ab", "a1", "web-server", "a-b-c", "a" + strings.Repeat("b", 39)} {
		if err := pkginfo.ValidName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "a", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "ä", "ab\n", "a" + strings.Repeat("b", 40)} {
		if pkginfo.ValidName(name) == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestVersionsFollowTheRule(t *testing.T) {
	for _, v := range []string{"1", "1.4.2", "2024a", "v1.2", "1.2-rc.1+x~y", "1" + strings.Repeat("0", 63)} {
		if err := pkginfo.ValidVersion(v); err != nil {
			t.Error(err)
		}
	}
	for _, v := range []string{"", ".1", "-1", "1_2", "1/2", "1 2", "1\n", "ü", "1" + strings.Repeat("0", 64)} {
		if pkginfo.ValidVersion(v) == nil {
			t.Errorf("%q was taken", v)
		}
	}
}

func TestNearestFindsSlips(t *testing.T) {
	known := []string{"refresh", "revert", "remove", "web", "db"}
	for word, want := range map[string]string{
		"refesh": "refresh", "REVERT": "revert", "rmeove": "remove", "wbe": "web", "we": "web", "x": "", "install": "", "webb": "web", strings.Repeat("w", 100): "",
	} {
		if got := pkginfo.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
	if got := pkginfo.Nearest("refresh", nil); got != "" {
		t.Errorf("of nothing %q is nearest", got)
	}
}

func TestCommandsAreSplitAsAShellDoes(t *testing.T) {
	for line, want := range map[string][]string{
		`a b  c`: {"a", "b", "c"}, ` a	`: {"a"}, `a 'b c'`: {"a", "b c"}, `a "b c"d`: {"a", "b cd"}, `a ''`: {"a", ""}, `a\ b`: {"a b"},
		`a "\"\\\$\x"`: {"a", `"\$\x`}, `a '\'`: {"a", `\`}, `a $HOME *`: {"a", "$HOME", "*"}, `a "" b`: {"a", "", "b"},
	} {
		got, err := pkginfo.SplitCommand(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("SplitCommand(%q) = %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"", "  ", "''", `a 'b`, `a "b`, `a "b\`, `a\`, "a\nb", "a\x00b", strings.Repeat("a", 5000)} {
		if got, err := pkginfo.SplitCommand(line); err == nil {
			t.Errorf("SplitCommand(%q) = %q", line, got)
		}
	}
}

func TestArchitecturesHaveTwoNames(t *testing.T) {
	for _, test := range []struct {
		architectures []string
		goarch        string
		want          bool
	}{
		{nil, "amd64", true},
		{[]string{"all"}, "amd64", true},
		{[]string{"arm64", "amd64"}, "amd64", true},
		{[]string{"arm64"}, "amd64", false},
		{[]string{"armhf"}, "arm", true},
		{[]string{"ppc64el"}, "ppc64le", true},
		{[]string{"i386"}, "386", true},
		{[]string{"i386"}, "amd64", false},
	} {
		info := &pkginfo.Info{Architectures: test.architectures}
		if got := info.RunsOn(test.goarch); got != test.want {
			t.Errorf("%v on %s: %v", test.architectures, test.goarch, got)
		}
	}
}
