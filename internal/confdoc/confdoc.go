// Package confdoc reads and changes a package's configuration. Its one noun is
// the document: a JSON object, kept as raw bytes so that numbers stay exactly as
// they were written. A key is a dotted path into it ("ports.http"), a patch maps
// keys to new values.
//
// Its rule: everything here is a pure function of its arguments. Who may change
// a document, and when the change takes effect, is decided elsewhere. An empty
// document is no document, and null is no value: to set null is to unset.
package confdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// MaxDocument is how large a document may become, in bytes: whoever may set a key,
// as every service of a package may, could fill pkgd's memory otherwise.
const MaxDocument = 1 << 20

// Get finds the value of a key: the value and true, or false when it is unset.
// A path that leads through something other than an object is an error.
func Get(doc json.RawMessage, key string) (json.RawMessage, bool, error) {
	parts, err := split(key)
	if err != nil {
		return nil, false, err
	}
	raw := doc
	for i, part := range parts {
		obj, err := object(raw, parts[:i])
		if err != nil {
			return nil, false, err
		}
		raw = obj[part]
		if isNull(raw) {
			return nil, false, nil
		}
	}
	return raw, true, nil
}

// Patch returns the document with the patch applied, never touching doc itself.
// Parents are set before what lies below them, whatever the order of the map; a
// nil or null value unsets its key, and nulls inside an object that is set unset
// theirs. The result is compact, with sorted keys; one larger than [MaxDocument] is
// refused, unless it is the smaller for the patch.
func Patch(doc json.RawMessage, patch map[string]json.RawMessage) (json.RawMessage, error) {
	before := len(doc)
	for _, key := range inOrder(patch) {
		parts, err := split(key)
		if err != nil {
			return nil, err
		}
		value, err := clean(key, patch[key])
		if err != nil {
			return nil, err
		}
		if doc, err = set(doc, parts, 0, value); err != nil {
			return nil, err
		}
	}
	if isNull(doc) {
		doc = json.RawMessage("{}")
	}
	if len(doc) > MaxDocument && len(doc) > before {
		return nil, fmt.Errorf("the configuration would have %d bytes: the most is %d", len(doc), MaxDocument)
	}
	return doc, nil
}

// inOrder lists a patch's keys, the shallow ones first.
func inOrder(patch map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(patch))
	for key := range patch {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := strings.Count(a, ".") - strings.Count(b, "."); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

// set puts value at parts[depth:] below raw; nil removes what is there.
func set(raw json.RawMessage, parts []string, depth int, value json.RawMessage) (json.RawMessage, error) {
	if depth == len(parts) {
		return value, nil
	}
	obj, err := object(raw, parts[:depth])
	if err != nil {
		return nil, err
	}
	if value == nil && obj[parts[depth]] == nil {
		return raw, nil
	}
	below, err := set(obj[parts[depth]], parts, depth+1, value)
	if err != nil {
		return nil, err
	}
	if below == nil {
		delete(obj, parts[depth])
	} else {
		obj[parts[depth]] = below
	}
	return marshal(obj)
}

// object opens raw, which sits at path, as an object. Nothing opens as an empty one.
func object(raw json.RawMessage, path []string) (map[string]json.RawMessage, error) {
	obj := map[string]json.RawMessage{}
	if isNull(raw) {
		return obj, nil
	}
	if raw[0] != '{' && len(path) > 0 {
		return nil, fmt.Errorf("key %q is not an object: unset it first to put keys below it", strings.Join(path, "."))
	}
	if err := json.Unmarshal(raw, &obj); err != nil {
		return nil, fmt.Errorf("cannot read configuration: %w", err)
	}
	return obj, nil
}

func isNull(raw json.RawMessage) bool {
	word := bytes.TrimSpace(raw)
	return len(word) == 0 || string(word) == "null"
}
