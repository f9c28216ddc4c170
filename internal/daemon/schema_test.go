package daemon_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// document is an OpenAPI file with the part of JSON Schema that ours uses. A
// keyword that it does not know is an error, so that nothing is described that
// is not checked.
type document struct {
	root map[string]any
}

func readDocument(t *testing.T) *document {
	t.Helper()
	b, err := os.ReadFile("../../docs/reference/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := &document{}
	if err := yaml.Unmarshal(b, &d.root); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows keys from the top.
func (d *document) at(keys ...string) map[string]any {
	var v any = d.root
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	m, _ := v.(map[string]any)
	return d.resolve(m)
}

func (d *document) resolve(m map[string]any) map[string]any {
	if ref, ok := m["$ref"].(string); ok {
		return d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return m
}

// check gives what is wrong with v, which came from JSON, or "".
func (d *document) check(schema map[string]any, v any, where string) string {
	schema = d.resolve(schema)
	if schema == nil {
		return where + ": described by a reference to nothing"
	}
	for _, keyword := range slices.Sorted(maps.Keys(schema)) {
		if wrong := d.keyword(keyword, schema, v, where); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (d *document) keyword(keyword string, schema map[string]any, v any, where string) string {
	arg := schema[keyword]
	switch keyword {
	case "description", "default", "properties", "additionalProperties":
		// properties are looked at with their object's type
	case "type":
		if !slices.ContainsFunc(words(arg), func(w string) bool { return isA(v, w) }) {
			return fmt.Sprintf("%s: %v is no %v", where, v, arg)
		}
		return d.members(schema, v, where)
	case "const":
		if fmt.Sprint(v) != fmt.Sprint(arg) {
			return fmt.Sprintf("%s: %v is not %v", where, v, arg)
		}
	case "enum":
		if !slices.ContainsFunc(arg.([]any), func(w any) bool { return fmt.Sprint(w) == fmt.Sprint(v) }) {
			return fmt.Sprintf("%s: %v is none of %v", where, v, arg)
		}
	case "format":
		if s, ok := v.(string); ok {
			if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
				return where + ": " + err.Error()
			}
		}
	case "minimum", "maximum", "exclusiveMinimum":
		if n, ok := v.(float64); ok && !within(keyword, n, arg) {
			return fmt.Sprintf("%s: %v: %s is %v", where, n, keyword, arg)
		}
	case "required":
		for _, name := range words(arg) {
			if m, ok := v.(map[string]any); ok && !has(m, name) {
				return fmt.Sprintf("%s: %q is missing", where, name)
			}
		}
	case "items":
		if list, ok := v.([]any); ok {
			for i, item := range list {
				if wrong := d.check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", where, i)); wrong != "" {
					return wrong
				}
			}
		}
	case "oneOf":
		var all []string
		for _, one := range arg.([]any) {
			wrong := d.check(one.(map[string]any), v, where)
			if wrong == "" {
				return ""
			}
			all = append(all, wrong)
		}
		return strings.Join(all, " | ")
	default:
		return fmt.Sprintf("%s: this test does not know the keyword %q", where, keyword)
	}
	return ""
}

func (d *document) members(schema map[string]any, v any, where string) string {
	object, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	known, _ := schema["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		one, ok := known[key].(map[string]any)
		if !ok {
			rest, open := schema["additionalProperties"].(map[string]any)
			if !open {
				return fmt.Sprintf("%s: %q is not described", where, key)
			}
			one = rest
		}
		if wrong := d.check(one, object[key], where+"."+key); wrong != "" {
			return wrong
		}
	}
	return ""
}

func words(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var all []string
	for _, one := range v.([]any) {
		all = append(all, one.(string))
	}
	return all
}

func isA(v any, kind string) bool {
	switch kind {
	case "object":
		return reflect.ValueOf(v).Kind() == reflect.Map
	case "array":
		return reflect.ValueOf(v).Kind() == reflect.Slice
	case "string":
		return reflect.ValueOf(v).Kind() == reflect.String
	case "boolean":
		return reflect.ValueOf(v).Kind() == reflect.Bool
	case "number":
		return reflect.ValueOf(v).Kind() == reflect.Float64
	case "integer":
		n, ok := v.(float64)
		return ok && n == float64(int64(n))
	case "null":
		return v == nil
	}
	return false
}

func within(keyword string, n float64, limit any) bool {
	l := reflect.ValueOf(limit).Convert(reflect.TypeFor[float64]()).Float()
	switch keyword {
	case "minimum":
		return n >= l
	case "maximum":
		return n <= l
	}
	return n > l
}

func has(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// unused lists the described keys of a schema that v has not, which would be
// keys that nobody serves.
func (d *document) unused(schema map[string]any, v any, where string) []string {
	schema = d.resolve(schema)
	switch v := v.(type) {
	case []any:
		items, _ := schema["items"].(map[string]any)
		if len(v) == 0 || items == nil {
			return nil
		}
		return d.unused(items, v[0], where+"[]")
	case map[string]any:
		if strings.Contains(where, ".last") || strings.Contains(where, ".restored") {
			return nil // a record within a record
		}
		var missing []string
		known, _ := schema["properties"].(map[string]any)
		for key, one := range known {
			value, ok := v[key]
			if !ok {
				missing = append(missing, where+"."+key)
				continue
			}
			missing = append(missing, d.unused(one.(map[string]any), value, where+"."+key)...)
		}
		return missing
	}
	return nil
}
