package cli

import (
	"testing"

	"pkgd.io/pkgd/internal/pkginfo"
)

var Ago, In, Seconds, Size = ago, in, seconds, size

// JudgeTimes are the rules that a hook breaks which takes so many seconds.
func JudgeTimes(t *testing.T, manifest string, p95 float64) (rules []string) {
	t.Helper()
	info, err := pkginfo.Parse("pkg.yaml", []byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	tried := trial{Runs: 1, P95: p95}
	tried.judgeTimes(info)
	for _, f := range tried.findings {
		rules = append(rules, f.Rule)
	}
	return rules
}
