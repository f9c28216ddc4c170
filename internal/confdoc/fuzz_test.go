package confdoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/confdoc"
)

// FuzzPatch sets what anybody may send. What is taken can be read again and be set
// once more without any change; what is refused is refused in one line.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1}}`), "a.b", []byte(`{"c":[1,null]}`))
	f.Add([]byte(`{"a":1}`), "a.b", []byte(`2`))
	f.Add([]byte(`null`), "a--b", []byte(`{"x":null}`))
	f.Add([]byte(`{}`), "a", []byte(strings.Repeat("[", 70)+strings.Repeat("]", 70)))
	f.Fuzz(func(t *testing.T, doc []byte, key string, value []byte) {
		if !json.Valid(doc) || !json.Valid(value) {
			return // JSON decoders have seen both
		}
		patch := map[string]json.RawMessage{key: value}
		after, err := confdoc.Patch(doc, patch)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || err.Error() == "" {
				t.Errorf("%q", err)
			}
			return
		}
		if !json.Valid(after) && after != nil {
			t.Fatalf("%s is no JSON", after)
		}
		got, set, err := confdoc.Get(after, key)
		if err != nil || set && !json.Valid(got) {
			t.Fatalf("%s of %s: %s %v", key, after, got, err)
		}
		if shown := confdoc.PrintJSON(got); !json.Valid([]byte(shown)) {
			t.Errorf("shown as %s", shown)
		}
		if again, err := confdoc.Patch(after, patch); err != nil || string(again) != string(after) {
			t.Errorf("once more: %s, was %s: %v", again, after, err)
		}
	})
}

// FuzzParseValue reads what a person typed: it is always a value.
func FuzzParseValue(f *testing.F) {
	for _, s := range []string{"1", "text", `"quoted"`, "{", "[1, 2]", "1e999", "\x00\xff", "nul", "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := confdoc.ParseValue(s)
		if !json.Valid(v) {
			t.Errorf("%q became %s", s, v)
		}
		_ = confdoc.Print(v)
	})
}
