package pkginfo

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

// Bounds of the times in health:. The longest interval keeps a record's ttl,
// twice as long, far from what a duration can hold.
const (
	minInterval = time.Second
	maxInterval = 30 * 24 * time.Hour
	maxWindow   = 10 * time.Minute // settle, bake
	maxQuorum   = 64               // as many as there can be checks
)

func (r *reader) hooks(n *yaml.Node) {
	r.info.Hooks = map[string]Hook{}
	known := strictyaml.Fields{}
	for _, name := range HookNames() {
		known[name] = func(n *yaml.Node) { r.hook(name, n) }
	}
	r.Fields(n, known)
}

func (r *reader) hook(name string, n *yaml.Node) {
	var h Hook
	r.Fields(n, strictyaml.Fields{
		"timeout": func(n *yaml.Node) {
			if name == CheckHealth {
				r.Fail(n, []string{"health: {timeout: …}"}, "the timeout of check-health is set under health")
				return
			}
			r.Duration(n, &h.Timeout, time.Millisecond, maxTimeout)
		},
		"user": func(n *yaml.Node) { r.user(n, &h.User) },
	})
	r.info.Hooks[name] = h
}

func (r *reader) health(n *yaml.Node) {
	h := &r.info.Health
	r.Fields(n, strictyaml.Fields{
		"interval":      func(n *yaml.Node) { r.span(n, &h.Interval, minInterval, maxInterval) },
		"timeout":       func(n *yaml.Node) { r.span(n, &h.Timeout, time.Millisecond, maxTimeout) },
		"settle":        func(n *yaml.Node) { r.span(n, &h.Settle, 0, maxWindow) },
		"bake":          func(n *yaml.Node) { r.span(n, &h.Bake, 0, maxWindow) },
		"rollup":        func(n *yaml.Node) { r.rollup(n, &h.Rollup) },
		"revert-on":     func(n *yaml.Node) { r.revertOn(n, h) },
		"on-regression": func(n *yaml.Node) { r.Choice(n, &h.OnRegression, "value", "revert", "keep") },
	})
}

// span reads a duration that the host decides where the package does not.
func (r *reader) span(n *yaml.Node, to **time.Duration, least, most time.Duration) {
	var d time.Duration
	if r.Duration(n, &d, least, most) {
		*to = &d
	}
}

func (r *reader) revertOn(n *yaml.Node, h *Health) {
	var on []string
	before := len(r.Problems)
	r.words(n, &on, "status", "error", "blocked")
	if len(r.Problems) > before {
		return
	}
	if len(on) == 0 {
		r.Fail(n, []string{"error", "blocked"}, "revert-on is empty; to never revert, say on-regression: keep")
		return
	}
	slices.Sort(on)
	slices.Reverse(on) // error first, as the documentation has it
	h.RevertOn = on
}

// rollup reads worst, majority, {quorum: N}, or the same as one string.
func (r *reader) rollup(n *yaml.Node, to *Rollup) {
	text := n.Value
	number, quorum := strings.CutPrefix(text, "quorum:")
	switch {
	case n.Kind == yaml.MappingNode && strictyaml.Value(n, "quorum") == nil:
		r.Fail(n, []string{"quorum"}, "the rollup has no quorum")
	case n.Kind == yaml.MappingNode:
		r.Fields(n, strictyaml.Fields{"quorum": func(n *yaml.Node) { r.quorum(n, to) }})
	case n.Kind == yaml.ScalarNode && quorum:
		plain := *n
		plain.Value, plain.Tag = strings.TrimSpace(number), "!!int"
		r.quorum(&plain, to)
	case n.Kind == yaml.ScalarNode && (text == "worst" || text == "majority"):
		to.Rule = text
	default:
		r.Unknown(n, "rollup", []string{"worst", "majority", "{quorum: N}"})
	}
}

func (r *reader) quorum(n *yaml.Node, to *Rollup) {
	if r.Int(n, &to.N, 1, maxQuorum) {
		to.Rule = "quorum"
	}
}
