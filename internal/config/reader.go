package config

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

// reader reads this file's own kinds of values. A method leaves its target
// alone when it refuses the value.
type reader struct{ strictyaml.Reader }

type fields = strictyaml.Fields

// text reads a string that is not empty.
func (r *reader) text(n *yaml.Node, to *string) bool {
	var s string
	if !r.String(n, &s) {
		return false
	}
	if strings.TrimSpace(s) == "" || strings.ContainsAny(s, "\x00\n\r") {
		r.Fail(n, []string{"one line of text"}, "%s is empty or has several lines", strictyaml.Describe(n))
		return false
	}
	*to = s
	return true
}

// strings reads a list, each item of it by read.
func (r *reader) strings(n *yaml.Node, to *[]string, read func(*yaml.Node, *string) bool) {
	var all []string
	r.List(n, func(item *yaml.Node) {
		var s string
		if read(item, &s) {
			all = append(all, s)
		}
	})
	*to = all
}
