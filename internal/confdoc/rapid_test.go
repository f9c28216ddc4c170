package confdoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/confdoc"
)

var (
	keys   = rapid.StringMatching(`[a-c](\.[a-c]){0,3}`)
	values = rapid.SampledFrom([]string{`1`, `"s"`, `true`, `[1,null]`, `{}`, `{"a":1,"b":{"c":2}}`, `{"a":null}`, `null`, ``})
)

// model sets one key in an open document, in the plainest way there is. It says
// false where the path leads through something that is no object.
func model(doc map[string]any, parts []string, value any) bool {
	for _, part := range parts[:len(parts)-1] {
		if doc[part] == nil {
			if value == nil {
				return true
			}
			doc[part] = map[string]any{}
		}
		below, ok := doc[part].(map[string]any)
		if !ok {
			return false
		}
		doc = below
	}
	last := parts[len(parts)-1]
	if value == nil {
		delete(doc, last)
	} else {
		doc[last] = value
	}
	return true
}

func dropNulls(v any) any {
	obj, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for k, below := range obj {
		if below == nil {
			delete(obj, k)
		} else {
			obj[k] = dropNulls(below)
		}
	}
	return obj
}

func open(t *rapid.T, raw string) (v any) {
	if raw == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPatchAgreesWithAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var doc json.RawMessage
		want := map[string]any{}
		for range rapid.IntRange(1, 12).Draw(t, "patches") {
			key, value := keys.Draw(t, "key"), values.Draw(t, "value")
			next, err := confdoc.Patch(doc, map[string]json.RawMessage{key: json.RawMessage(value)})
			ok := model(want, strings.Split(key, "."), dropNulls(open(t, value)))
			if ok != (err == nil) {
				t.Fatalf("set %s=%s in %s: %v", key, value, doc, err)
			}
			if err == nil {
				doc = next
				got, set, err := confdoc.Get(doc, key)
				if err != nil || set != (value != "" && value != "null") {
					t.Fatalf("get %s after set to %s: %s, %v, %v", key, value, got, set, err)
				}
			}
		}
		if len(doc) == 0 {
			doc = json.RawMessage("{}")
		}
		if d := cmp.Diff(any(want), open(t, string(doc))); d != "" {
			t.Fatal(d)
		}
	})
}
