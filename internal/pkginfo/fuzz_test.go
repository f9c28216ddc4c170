package pkginfo_test

import (
	"slices"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/pkginfo"
)

// FuzzSplitCommand takes any command: what is taken apart is, put together again
// in quotes, taken apart into the same words; what is refused is told in a line.
func FuzzSplitCommand(f *testing.F) {
	for _, s := range []string{`bin/a 'b c' "d\"$e" \ f`, `'`, `"\`, "a\nb", `""`, "\t x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := pkginfo.SplitCommand(line)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if all := strings.Join(quoted, " "); len(all) <= 4096 {
			if again, err := pkginfo.SplitCommand(all); err != nil || !slices.Equal(again, words) {
				t.Errorf("%q: %q, then %q %v", line, words, again, err)
			}
		}
	})
}

// FuzzVersions orders any three versions: each way round the same, and without a
// circle.
func FuzzVersions(f *testing.F) {
	f.Add("1.0", "1.0-rc.1", "1.0~rc.1")
	f.Add("v1", "1..0", "99999999999999999999")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, v := range []string{a, b, c} {
			if err := pkginfo.ValidVersion(v); err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%q", err)
				}
				return
			}
		}
		ab, bc, ac := pkginfo.CompareVersions(a, b), pkginfo.CompareVersions(b, c), pkginfo.CompareVersions(a, c)
		if ab != -pkginfo.CompareVersions(b, a) {
			t.Errorf("%q and %q: %d both ways", a, b, ab)
		}
		if ab <= 0 && bc <= 0 && ac > 0 || ab == 0 && bc == 0 && ac != 0 {
			t.Errorf("%q %q %q go round", a, b, c)
		}
	})
}
