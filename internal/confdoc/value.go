package confdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// MaxDepth is how many objects and arrays may be nested in one value.
const MaxDepth = 64

// ParseValue reads what a person typed as a value: as JSON if it is JSON, else
// as a string. It knows no failure.
func ParseValue(s string) json.RawMessage {
	if raw, err := ParseJSON(s); err == nil {
		return raw
	}
	return String(s)
}

// ParseJSON reads what a person typed as JSON and nothing else.
func ParseJSON(s string) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		return nil, fmt.Errorf("value %.40q is not JSON: %w", s, err)
	}
	return b.Bytes(), nil
}

// String is the value that holds s as a string, whatever s looks like.
func String(s string) json.RawMessage {
	raw, err := marshal(s)
	if err != nil {
		panic("internal error: a string did not marshal: " + err.Error())
	}
	return raw
}

// Print shows a value to people and shell scripts: strings bare, objects and
// arrays as JSON indented by tabs, anything else as JSON, no value as nothing.
func Print(raw json.RawMessage) string {
	var s string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	if isNull(raw) {
		return ""
	}
	return PrintJSON(raw)
}

// PrintJSON shows a value as JSON indented by tabs, strings in quotes, no value
// as null.
func PrintJSON(raw json.RawMessage) string {
	if isNull(raw) {
		return "null"
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "\t"); err != nil {
		return string(raw)
	}
	return b.String()
}

// clean makes raw fit to be stored at key: compact JSON, without the nulls of
// objects, no deeper than [MaxDepth]. Null as a whole becomes nil.
func clean(key string, raw json.RawMessage) (json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	compact, err := ParseJSON(string(raw))
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", key, err)
	}
	if depth(compact) > MaxDepth {
		return nil, fmt.Errorf("key %q: value is nested deeper than %d levels", key, MaxDepth)
	}
	return withoutNulls(compact)
}

// depth counts the levels of nesting in compact JSON.
func depth(raw json.RawMessage) (deepest int) {
	level, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// withoutNulls drops the keys that are null from objects at any level below
// objects. Arrays keep theirs: there, a null holds a place.
func withoutNulls(raw json.RawMessage) (json.RawMessage, error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '{' {
		return raw, nil
	}
	var obj map[string]json.RawMessage
	if err := json.Unmarshal(raw, &obj); err != nil {
		return nil, fmt.Errorf("cannot read value: %w", err)
	}
	for k, v := range obj {
		below, err := withoutNulls(v)
		if err != nil {
			return nil, err
		}
		obj[k] = below
	}
	maps.DeleteFunc(obj, func(_ string, v json.RawMessage) bool { return v == nil })
	return marshal(obj)
}

// marshal is json.Marshal that leaves <, > and & as they are: values are shown
// in terminals, not in pages.
func marshal(v any) (json.RawMessage, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n")), nil
}
