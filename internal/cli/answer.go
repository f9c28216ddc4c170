package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// answer prints what a command found out: the value as JSON or YAML where that
// was asked for, else by the function that lays it out for people.
func (a *app) answer(v any, text func() error) error {
	switch a.format {
	case "json":
		return writeJSON(a.env.Stdout, v)
	case "yaml":
		return writeYAML(a.env.Stdout, v)
	}
	return text()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeYAML prints the same keys in the same order as JSON does, so that there
// is one shape to document.
func writeYAML(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return err
	}
	return enc.Close()
}

func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := tok.(type) {
	case json.Delim:
		return yamlCollection(dec, v)
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	}
	n := &yaml.Node{}
	return n, n.Encode(tok)
}

func yamlCollection(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	if open == '[' {
		n.Kind = yaml.SequenceNode
	}
	for dec.More() {
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	return n, nil
}

// list is a slice that prints as [] and not as null where it is empty.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
