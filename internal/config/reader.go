package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/pkginfo"
)

// reader walks a YAML tree and gathers all that is wrong with it. A method that
// reads a value leaves the target alone when the value is refused.
type reader struct {
	file     string
	problems pkginfo.Problems
}

// fields are a mapping's keys, each with what reads its value.
type fields map[string]func(*yaml.Node)

func (r *reader) fail(n *yaml.Node, accepted []string, format string, args ...any) {
	r.failAt(n.Line, n.Column, accepted, format, args...)
}

func (r *reader) failAt(line, column int, accepted []string, format string, args ...any) {
	r.problems = append(r.problems, pkginfo.Problem{
		File: r.file, Line: line, Column: column,
		Text: fmt.Sprintf(format, args...), Accepted: accepted,
	})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document gives the top of the only document, or nil where there is none: an
// empty file, or one that is not YAML.
func (r *reader) document(b []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		r.fail(&second, nil, "is a second document; one file holds one")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 || empty(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

func (r *reader) syntax(err error) {
	line := 1
	m := yamlLine.FindStringSubmatch(err.Error())
	if len(m) == 2 && m[1] != "" {
		line, _ = strconv.Atoi(m[1])
	}
	text := yamlLine.ReplaceAllString(err.Error(), "")
	r.failAt(line, 1, nil, "is not YAML: %s", strings.TrimSpace(text))
}

// empty: a key without a value, as when all below it is commented out, keeps
// its default.
func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// value is what a mapping holds for key, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (r *reader) mapping(n *yaml.Node, known fields) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, names(known), "%s where keys are expected", describe(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			r.unknown(key, known)
		case seen[key.Value]:
			r.fail(key, nil, "key %q is given twice", key.Value)
		case !empty(val):
			read(val)
		}
		seen[key.Value] = true
	}
}

func (r *reader) unknown(key *yaml.Node, known fields) {
	accepted := names(known)
	if near := pkginfo.Nearest(key.Value, accepted); near != "" {
		r.fail(key, accepted, "unknown key %q; did you mean %q?", key.Value, near)
		return
	}
	r.fail(key, accepted, "unknown key %q", key.Value)
}

func names(known fields) []string {
	var all []string
	for name := range known {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func (r *reader) list(n *yaml.Node, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, []string{"a list"}, "%s where a list is expected", describe(n))
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

// strings reads a list, each item of it by read.
func (r *reader) strings(n *yaml.Node, to *[]string, read func(*yaml.Node, *string) bool) {
	var all []string
	r.list(n, func(item *yaml.Node) {
		var s string
		if read(item, &s) {
			all = append(all, s)
		}
	})
	*to = all
}

// text reads a string that is not empty.
func (r *reader) text(n *yaml.Node, to *string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.fail(n, []string{"a string"}, "%s where a string is expected", describe(n))
		return false
	}
	if strings.TrimSpace(n.Value) == "" || strings.ContainsAny(n.Value, "\x00\n\r") {
		r.fail(n, []string{"one line of text"}, "an empty string, or one of several lines")
		return false
	}
	*to = n.Value
	return true
}

func (r *reader) choice(n *yaml.Node, to *string, accepted ...string) {
	if n.Kind == yaml.ScalarNode && slices.Contains(accepted, n.Value) {
		*to = n.Value
		return
	}
	r.fail(n, accepted, "%s is not accepted here", describe(n))
}

func (r *reader) boolean(n *yaml.Node, to *bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
		r.fail(n, []string{"true", "false"}, "%s where true or false is expected", describe(n))
		return
	}
	*to = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
}

func (r *reader) integer(n *yaml.Node, to *int, least, most int) {
	accepted := []string{fmt.Sprintf("a number from %d to %d", least, most)}
	got, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || got < least || got > most {
		r.fail(n, accepted, "%s is not accepted here", describe(n))
		return
	}
	*to = got
}

func (r *reader) duration(n *yaml.Node, to *time.Duration, least, most time.Duration) {
	accepted := []string{"a duration such as 30s, 5m or 1h30m"}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || err != nil {
		r.fail(n, accepted, "%s where a duration with its unit is expected", describe(n))
		return
	}
	if d < least || d > most {
		r.fail(n, []string{fmt.Sprintf("%v to %v", least, most)}, "%s is out of range", n.Value)
		return
	}
	*to = d
}

// describe names what stands in the file, for a person.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case len(n.Value) > 40:
		return fmt.Sprintf("%q…", n.Value[:40])
	default:
		return fmt.Sprintf("%q", n.Value)
	}
}
