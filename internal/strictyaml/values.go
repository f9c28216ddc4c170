package strictyaml

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Fields are a mapping's keys, each with what reads its value.
type Fields map[string]func(*yaml.Node)

// Empty tells a key without a value, as when all below it is commented out.
func Empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// Value is what a mapping holds for key, or nil.
func Value(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// Fields reads a mapping whose keys are known. A key without a value is taken as
// one that is not there.
func (r *Reader) Fields(n *yaml.Node, known Fields) bool {
	accepted := slices.Sorted(maps.Keys(known))
	return r.pairs(n, accepted, func(key, value *yaml.Node) {
		read, ok := known[key.Value]
		if !ok {
			r.Unknown(key, "key", accepted)
			return
		}
		if !Empty(value) {
			read(value)
		}
	})
}

// Mapping reads a mapping whose keys are names that the file's author chooses.
func (r *Reader) Mapping(n *yaml.Node, each func(key, value *yaml.Node)) bool {
	return r.pairs(n, []string{"a mapping"}, each)
}

func (r *Reader) pairs(n *yaml.Node, accepted []string, each func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		r.Fail(n, accepted, "%s where a mapping is expected", Describe(n))
		return false
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || Empty(key) {
			r.Fail(key, nil, "%s where a key is expected", Describe(key))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			r.Fail(key, nil, "%q is given twice: first in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		each(key, n.Content[i+1])
	}
	return true
}

// Unknown notes a word that is none of accepted, and what was likely meant.
func (r *Reader) Unknown(n *yaml.Node, what string, accepted []string) {
	if near := Nearest(n.Value, accepted); near != "" {
		r.Fail(n, accepted, "unknown %s %s; did you mean %q?", what, Describe(n), near)
		return
	}
	r.Fail(n, accepted, "unknown %s %s", what, Describe(n))
}

// List reads a list.
func (r *Reader) List(n *yaml.Node, each func(*yaml.Node)) bool {
	if n.Kind != yaml.SequenceNode {
		r.Fail(n, []string{"a list"}, "%s where a list is expected", Describe(n))
		return false
	}
	for _, item := range n.Content {
		each(item)
	}
	return true
}

// String reads a string. A number, true or null has to be put in quotes, since
// 1.10 and 1.1 are one number.
func (r *Reader) String(n *yaml.Node, to *string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		var accepted []string
		if n.Kind == yaml.ScalarNode && len(n.Value) <= 40 {
			accepted = []string{strconv.Quote(n.Value) + " in quotes"}
		}
		r.Fail(n, accepted, "%s where a string is expected", Describe(n))
		return false
	}
	*to = n.Value
	return true
}

// Choice reads one of a few words.
func (r *Reader) Choice(n *yaml.Node, to *string, what string, accepted ...string) bool {
	if n.Kind == yaml.ScalarNode && slices.Contains(accepted, n.Value) {
		*to = n.Value
		return true
	}
	r.Unknown(n, what, accepted)
	return false
}

// Bool reads true or false.
func (r *Reader) Bool(n *yaml.Node, to *bool) bool {
	var b bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
		r.Fail(n, []string{"true", "false"}, "%s where true or false is expected", Describe(n))
		return false
	}
	*to = b
	return true
}

// Int reads a whole number between two bounds.
func (r *Reader) Int(n *yaml.Node, to *int, least, most int) bool {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || i < least || i > most {
		r.Fail(n, []string{fmt.Sprintf("a number from %d to %d", least, most)}, "%s is not accepted here", Describe(n))
		return false
	}
	*to = i
	return true
}

// Duration reads a duration between two bounds, as Go writes it: 30s, 1h30m. Of
// numbers without a unit only 0 is one.
func (r *Reader) Duration(n *yaml.Node, to *time.Duration, least, most time.Duration) bool {
	d, err := time.ParseDuration(n.Value)
	plain := n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.Value == "0")
	if !plain || err != nil {
		r.Fail(n, []string{"a number with its unit, such as 30s, 5m or 1h30m"}, "%s is not a duration", Describe(n))
		return false
	}
	if d < least || d > most {
		r.Fail(n, []string{fmt.Sprintf("%s to %s", short(least), short(most))}, "%s is out of range", Describe(n))
		return false
	}
	*to = d
	return true
}

// short writes a duration as people do: 10m, not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	for _, tail := range []string{"m0s", "h0m"} {
		if len(s) > len(tail) && s[len(s)-len(tail):] == tail {
			s = s[:len(s)-2]
		}
	}
	return s
}

// Describe names what stands in the file, for a person.
func Describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case Empty(n):
		return "nothing"
	case utf8.RuneCountInString(n.Value) > 40:
		return strconv.Quote(string([]rune(n.Value)[:40])) + "…"
	}
	return strconv.Quote(n.Value)
}
