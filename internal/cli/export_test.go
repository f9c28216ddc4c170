package cli

import (
	"encoding/json"
	"testing"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/remote"
)

var Ago, In, Size = ago, in, size

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

// TellHosts puts answers of hosts together: as JSON, and each text that would be
// shown.
func TellHosts(answers []remote.Answer) (doc []byte, texts []string, err error) {
	c := collate(answers)
	for _, group := range c.groups {
		for _, r := range group {
			texts = append(texts, r.Package, r.Version, r.Status, r.Code, r.Message)
			for _, check := range r.Checks {
				texts = append(texts, check.Name, check.Health, check.Message)
			}
		}
	}
	for _, h := range c.Hosts.Hosts {
		texts = append(texts, h.Error)
	}
	doc, err = json.Marshal(c.Hosts)
	return doc, texts, err
}
