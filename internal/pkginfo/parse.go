package pkginfo

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

// Bounds of what a manifest may hold.
const (
	MaxManifest = 256 << 10 // bytes
	maxParts    = 256       // services, apps
	maxSummary  = 256       // runes
)

// reader reads one manifest. The methods of the reader that it embeds read
// plain values; its own read the manifest's nouns.
type reader struct {
	strictyaml.Reader
	info   *Info
	afters map[string][]*yaml.Node // what stands in each service's after:, checked when all are known
}

// Parse reads a manifest. The file's name is for the problems only. The error
// is [Problems] with all that is wrong.
func Parse(file string, b []byte) (*Info, error) {
	r := &reader{Reader: strictyaml.Reader{File: file}, afters: map[string][]*yaml.Node{}}
	r.info = &Info{
		Versioned: true,
		Health:    Health{Rollup: Rollup{Rule: "worst"}, RevertOn: []string{"error"}, OnRegression: "revert"},
	}
	top := r.Document(b, MaxManifest)
	if top == nil && len(r.Problems) == 0 {
		r.FailAt(1, 1, []string{"name", "version", "…"}, "the manifest is empty")
	}
	if top != nil {
		r.manifest(top)
	}
	if err := r.Problems.Err(); err != nil {
		return nil, err
	}
	return r.info, nil
}

func (r *reader) manifest(n *yaml.Node) {
	i := r.info
	ok := r.Fields(n, strictyaml.Fields{
		"name":          func(n *yaml.Node) { r.checked(n, &i.Name, ValidName) },
		"version":       func(n *yaml.Node) { r.checked(n, &i.Version, ValidVersion) },
		"summary":       r.summary,
		"architectures": r.architectures,
		"services":      r.services,
		"apps":          r.apps,
		"hooks":         r.hooks,
		"health":        r.health,
		"data":          r.data,
		"confinement":   r.confinement,
	})
	if !ok {
		return
	}
	for _, key := range []string{"name", "version"} {
		if v := strictyaml.Value(n, key); v == nil || strictyaml.Empty(v) {
			r.Fail(n, nil, "key %q is missing", key)
		}
	}
	r.checkAfter()
}

// checked reads a string that has a rule of its own.
func (r *reader) checked(n *yaml.Node, to *string, valid func(string) error) bool {
	var text string
	if !r.String(n, &text) {
		return false
	}
	if err := valid(text); err != nil {
		r.Fail(n, nil, "%v", err)
		return false
	}
	*to = text
	return true
}

func (r *reader) summary(n *yaml.Node) {
	var text string
	if !r.String(n, &text) {
		return
	}
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > maxSummary {
		r.Fail(n, nil, "the summary is not one line of at most %d characters", maxSummary)
		return
	}
	r.info.Summary = text
}

func (r *reader) architectures(n *yaml.Node) {
	accepted := architectures()
	r.words(n, &r.info.Architectures, "architecture", accepted...)
}

// words reads a list of known words, each at most once.
func (r *reader) words(n *yaml.Node, to *[]string, what string, accepted ...string) {
	var all []string
	ok := r.List(n, func(n *yaml.Node) {
		var word string
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" && slices.Contains(accepted, n.Value) {
			r.String(n, &word) // 386 is a number until it is put in quotes
			return
		}
		if !r.Choice(n, &word, what, accepted...) {
			return
		}
		if slices.Contains(all, word) {
			r.Fail(n, nil, "%s %q is given twice", what, word)
			return
		}
		all = append(all, word)
	})
	if ok {
		*to = all
	}
}

func (r *reader) apps(n *yaml.Node) {
	r.parts(n, "apps", func(name string, key, value *yaml.Node) {
		app := App{Name: name}
		r.required(key, value, "app", "command", strictyaml.Fields{
			"command": func(n *yaml.Node) { r.command(n, &app.Command) },
		})
		r.info.Apps = append(r.info.Apps, app)
	})
}

// parts reads a mapping of names that the author chose.
func (r *reader) parts(n *yaml.Node, what string, each func(name string, key, value *yaml.Node)) {
	if n.Kind == yaml.MappingNode && len(n.Content)/2 > maxParts {
		r.Fail(n, nil, "more than %d %s", maxParts, what)
		return
	}
	r.Mapping(n, func(key, value *yaml.Node) {
		var name string
		if r.checked(key, &name, validPart) {
			each(name, key, value)
		}
	})
}

// required reads a mapping that must have one key.
func (r *reader) required(at, n *yaml.Node, what, key string, known strictyaml.Fields) {
	if strictyaml.Empty(n) {
		r.Fail(at, nil, "%s %q has no %s", what, at.Value, key)
		return
	}
	if !r.Fields(n, known) {
		return
	}
	if v := strictyaml.Value(n, key); v == nil || strictyaml.Empty(v) {
		r.Fail(at, nil, "%s %q has no %s", what, at.Value, key)
	}
}

func (r *reader) command(n *yaml.Node, to *string) {
	r.checked(n, to, func(text string) error {
		_, err := programFile(text)
		return err
	})
}

func (r *reader) data(n *yaml.Node) {
	r.Fields(n, strictyaml.Fields{
		"versioned": func(n *yaml.Node) { r.Bool(n, &r.info.Versioned) },
	})
}

func (r *reader) confinement(n *yaml.Node) {
	var word string
	if r.Choice(n, &word, "confinement", "default", "none") && word == "none" {
		r.info.Confinement = word
	}
}
