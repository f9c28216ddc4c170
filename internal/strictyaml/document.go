package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// MaxProblems is how many problems are told of one file.
const MaxProblems = 100

// Reader walks the nodes of one file's only document and gathers all that is
// wrong. A method that reads a value leaves its target alone when it refuses
// the value, and says whether it took it.
type Reader struct {
	File     string // for the problems
	Problems Problems
}

// Document gives the top of b's only document. It is nil where there is none
// (an empty file, nothing but comments) and where b cannot be used, which the
// problems then tell. limit is how large b may be, in bytes.
func (r *Reader) Document(b []byte, limit int) *yaml.Node {
	if !r.readable(b, limit) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		r.Fail(&second, nil, "a second document begins here; the file holds one")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if len(doc.Content) == 0 || Empty(doc.Content[0]) || r.anchored(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

func (r *Reader) readable(b []byte, limit int) bool {
	if len(b) > limit {
		r.FailAt(0, 0, nil, "has more than %d bytes", limit)
		return false
	}
	if utf8.Valid(b) {
		return true
	}
	line, column := 1, 1
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		if c == utf8.RuneError && n <= 1 {
			break
		}
		column++
		if c == '\n' {
			line, column = line+1, 1
		}
		b = b[n:]
	}
	r.FailAt(line, column, nil, "is not UTF-8 text")
	return false
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

func (r *Reader) syntax(err error) {
	line := 1
	m := yamlLine.FindStringSubmatch(err.Error())
	if n, convErr := strconv.Atoi(m[1]); convErr == nil {
		line = n
	}
	text := strings.TrimPrefix(err.Error(), m[0])
	r.FailAt(line, 1, nil, "is not YAML: %s", text)
}

// anchored refuses anchors and aliases, by which a few lines can stand for
// more than fits into any memory.
func (r *Reader) anchored(n *yaml.Node) bool {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		r.Fail(n, nil, "anchors and aliases (&, *) are not used here; write the value out")
		return true
	}
	for _, child := range n.Content {
		if r.anchored(child) {
			return true
		}
	}
	return false
}

// Fail notes a problem at a node.
func (r *Reader) Fail(n *yaml.Node, accepted []string, format string, args ...any) {
	r.FailAt(n.Line, n.Column, accepted, format, args...)
}

// FailAt notes a problem at a place; line 0 is the file as a whole. After
// [MaxProblems] of them it only says that there are more.
func (r *Reader) FailAt(line, column int, accepted []string, format string, args ...any) {
	if len(r.Problems) > MaxProblems {
		return
	}
	if len(r.Problems) == MaxProblems {
		format, args, accepted = "and there is more that is wrong", nil, nil
	}
	r.Problems = append(r.Problems, Problem{
		File: r.File, Line: line, Column: column,
		Text: fmt.Sprintf(format, args...), Accepted: accepted,
	})
}
