package confdoc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/confdoc"
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

func TestGetFollowsADottedKey(t *testing.T) {
	doc := raw(`{"port":8080,"tls":{"on":true,"names":["a","b"],"deep":{"x":null}},"big":12345678901234567890.50}`)
	for _, c := range []struct{ key, want string }{
		{"port", `8080`},
		{"tls.on", `true`},
		{"tls.names", `["a","b"]`},
		{"big", `12345678901234567890.50`},
		{"tls.deep", `{"x":null}`},
		{"tls.deep.x", ``},
		{"tls.off", ``},
		{"none.at.all", ``},
	} {
		got, set, err := confdoc.Get(doc, c.key)
		if err != nil || string(got) != c.want || set != (c.want != "") {
			t.Errorf("Get(%q) = %s, %v, %v; want %s", c.key, got, set, err, c.want)
		}
	}
}

func TestGetOfAnEmptyDocumentFindsNothing(t *testing.T) {
	for _, doc := range []json.RawMessage{nil, raw(""), raw("null"), raw("{}")} {
		if _, set, err := confdoc.Get(doc, "a.b"); set || err != nil {
			t.Errorf("Get in %q: %v, %v", doc, set, err)
		}
	}
}

func TestPatchSetsUnsetsAndReplaces(t *testing.T) {
	type patch map[string]json.RawMessage
	for _, c := range []struct {
		name, doc string
		patch     patch
		want      string
	}{
		{"in nothing", ``, patch{"a": raw(`1`)}, `{"a":1}`},
		{"below nothing", `{}`, patch{"a.b.c": raw(`"x"`)}, `{"a":{"b":{"c":"x"}}}`},
		{"beside others", `{"a":{"b":1}}`, patch{"a.c": raw(`2`)}, `{"a":{"b":1,"c":2}}`},
		{"an object replaces", `{"a":{"b":1}}`, patch{"a": raw(`{"c":2}`)}, `{"a":{"c":2}}`},
		{"a parent before its child", `{}`, patch{"a.b": raw(`2`), "a": raw(`{"b":1,"c":3}`)}, `{"a":{"b":2,"c":3}}`},
		{"a scalar's parent set first", `{"a":1}`, patch{"a": raw(`{}`), "a.b": raw(`2`)}, `{"a":{"b":2}}`},
		{"unset by nil", `{"a":1,"b":2}`, patch{"a": nil}, `{"b":2}`},
		{"unset by null", `{"a":1,"b":2}`, patch{"a": raw(`null`)}, `{"b":2}`},
		{"unset below keeps the parent", `{"a":{"b":1}}`, patch{"a.b": nil}, `{"a":{}}`},
		{"unset of nothing", `{"a":1}`, patch{"b.c": nil}, `{"a":1}`},
		{"nulls inside objects unset", `{}`, patch{"a": raw(`{"b":null,"c":{"d":null}}`)}, `{"a":{"c":{}}}`},
		{"nulls inside arrays stay", `{}`, patch{"a": raw(`[null,{"b":null}]`)}, `{"a":[null,{"b":null}]}`},
		{"marks stay as they are", `{}`, patch{"a": raw(`"<b> & c"`)}, `{"a":"<b> & c"}`},
		{"numbers stay exact", `{"a":1.10}`, patch{"b": raw(`10000000000000000000001`)}, `{"a":1.10,"b":10000000000000000000001}`},
		{"nothing asked", ``, nil, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := raw(c.doc)
			got, err := confdoc.Patch(doc, c.patch)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, string(got)); d != "" {
				t.Error(d)
			}
			if string(doc) != c.doc {
				t.Errorf("the old document became %s", doc)
			}
		})
	}
}

func TestPatchRefusesWithWhatToDo(t *testing.T) {
	deep := strings.Repeat(`[`, confdoc.MaxDepth+1) + strings.Repeat(`]`, confdoc.MaxDepth+1)
	for _, c := range []struct{ doc, key, value, want string }{
		{`{"a":1}`, "a.b", `2`, `key "a" is not an object: unset it first to put keys below it`},
		{`{"a":{"b":[]}}`, "a.b.c", `2`, `key "a.b" is not an object: unset it first to put keys below it`},
		{`{}`, "a", deep, `key "a": value is nested deeper than 64 levels`},
		{`{}`, "a", `{`, `key "a": value "{" is not JSON: unexpected end of JSON input`},
		{`{}`, "", `1`, `key is empty: name one such as "ports.http"`},
	} {
		_, err := confdoc.Patch(raw(c.doc), map[string]json.RawMessage{c.key: raw(c.value)})
		if err == nil || err.Error() != c.want {
			t.Errorf("Patch(%s, %s): %v; want %s", c.doc, c.key, err, c.want)
		}
	}
}

func TestADocumentThatIsNoObjectIsAnError(t *testing.T) {
	if _, _, err := confdoc.Get(raw(`[1]`), "a"); err == nil {
		t.Error("Get in an array gave no error")
	}
}

func TestKeysFollowTheirRule(t *testing.T) {
	for _, key := range []string{"a", "ab1", "a-b", "a1.b2.c-3", "x9-z"} {
		if err := confdoc.CheckKey(key); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	for key, want := range map[string]string{
		"A":                                   `key "A" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		"1a":                                  `key "1a" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		"a--b":                                `key "a--b" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		"a.b-":                                `part "b-" of key "a.b-" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		"a..b":                                `key "a..b" has an empty part: put one dot between parts, none at the ends`,
		".":                                   `key "." has an empty part: put one dot between parts, none at the ends`,
		"a_b":                                 `key "a_b" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		":plug":                               `key ":plug" is not valid: use lower-case letters, digits and single dashes, a letter first`,
		strings.Repeat("a", confdoc.MaxKey+1): `key "aaaaaaaaaaaaaaaaaaaa"… has 257 bytes: the most is 256`,
	} {
		if err := confdoc.CheckKey(key); err == nil || err.Error() != want {
			t.Errorf("%.30q: %v; want %s", key, err, want)
		}
	}
}

func TestValuesAreJSONIfTheyParseAsSuch(t *testing.T) {
	for typed, want := range map[string]string{
		`8080`:           `8080`,
		`true`:           `true`,
		`null`:           `null`,
		`"quoted"`:       `"quoted"`,
		`{"a" : [1, 2]}`: `{"a":[1,2]}`,
		`plain`:          `"plain"`,
		``:               `""`,
		`08`:             `"08"`,
		`1.2.3`:          `"1.2.3"`,
		`{broken`:        `"{broken"`,
		"two\nlines":     `"two\nlines"`,
	} {
		if got := string(confdoc.ParseValue(typed)); got != want {
			t.Errorf("ParseValue(%q) = %s; want %s", typed, got, want)
		}
	}
}

func TestStringsPrintBareAndTheRestAsJSON(t *testing.T) {
	for value, want := range map[string]string{
		`"plain"`:     `plain`,
		`"a\"b\n"`:    "a\"b\n",
		`8080`:        `8080`,
		`false`:       `false`,
		`null`:        ``,
		``:            ``,
		`{"a":[1,2]}`: "{\n\t\"a\": [\n\t\t1,\n\t\t2\n\t]\n}",
	} {
		if got := confdoc.Print(raw(value)); got != want {
			t.Errorf("Print(%s) = %q; want %q", value, got, want)
		}
	}
	if got := confdoc.PrintJSON(raw(`"s"`)) + confdoc.PrintJSON(nil); got != `"s"null` {
		t.Errorf("PrintJSON: %s", got)
	}
}

func TestDocumentsDoNotGrowWithoutEnd(t *testing.T) {
	half := confdoc.String(strings.Repeat("x", confdoc.MaxDocument/2))
	doc, err := confdoc.Patch(nil, map[string]json.RawMessage{"a": half})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := confdoc.Patch(doc, map[string]json.RawMessage{"b": half}); err == nil || !strings.Contains(err.Error(), "the most is 1048576") {
		t.Errorf("got %v", err)
	}
	// One that is too large already, from before there was a bound, may shrink.
	large := json.RawMessage(`{"a":` + string(half) + `,"b":` + string(half) + `,"c":1}`)
	if after, err := confdoc.Patch(large, map[string]json.RawMessage{"c": nil}); err != nil || len(after) >= len(large) {
		t.Errorf("%d bytes, %v", len(after), err)
	}
}
