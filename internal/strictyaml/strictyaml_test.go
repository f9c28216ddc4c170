package strictyaml_test

import (
	"fmt"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

func TestAReaderTakesWhatIsRightAndTellsTheRest(t *testing.T) {
	r := &strictyaml.Reader{File: "f"}
	var name, colour string
	var n int
	var on bool
	var d time.Duration
	var items []string
	known := strictyaml.Fields{
		"name":   func(v *yaml.Node) { r.String(v, &name) },
		"colour": func(v *yaml.Node) { r.Choice(v, &colour, "colour", "red", "green") },
		"n":      func(v *yaml.Node) { r.Int(v, &n, 1, 9) },
		"on":     func(v *yaml.Node) { r.Bool(v, &on) },
		"d":      func(v *yaml.Node) { r.Duration(v, &d, 0, time.Hour) },
		"items": func(v *yaml.Node) {
			r.List(v, func(v *yaml.Node) { items = append(items, v.Value) })
		},
		"empty": func(*yaml.Node) { t.Error("a key without a value was read") },
	}
	r.Fields(r.Document([]byte("name: x\ncolour: green\nn: 7\non: true\nd: 90s\nitems: [a, b]\nempty:\n"), 1000), known)
	if len(r.Problems) > 0 || name != "x" || colour != "green" || n != 7 || !on || d != 90*time.Second || len(items) != 2 {
		t.Errorf("read %q %q %d %v %v %v; %v", name, colour, n, on, d, items, r.Problems)
	}

	r.Fields(r.Document([]byte("name: 1\ncolour: gren\nn: 10\non: maybe\nd: 2h\nitems: a\nnme: x\n"), 1000), known)
	want := `f:1:7: "1" where a string is expected; accepted: "1" in quotes
f:2:9: unknown colour "gren"; did you mean "green"?; accepted: red, green
f:3:4: "10" is not accepted here; accepted: a number from 1 to 9
f:4:5: "maybe" where true or false is expected; accepted: true, false
f:5:4: "2h" is out of range; accepted: 0s to 1h
f:6:8: "a" where a list is expected; accepted: a list
f:7:1: unknown key "nme"; did you mean "name"?; accepted: colour, d, empty, items, n, name, on`
	if got := fmt.Sprint(r.Problems.Err()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if name != "x" || colour != "green" || n != 7 || !on || d != 90*time.Second {
		t.Error("what was refused was taken")
	}
}

func TestADocumentIsNilWhereThereIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"":           "<nil>",
		"# comment":  "<nil>",
		"~":          "<nil>",
		"a: 1\n--- ": "f:2:1: a second document begins here; the file holds one",
		"a: [":       "f:1:1: is not YAML: did not find expected node content",
		"\xff":       "f:1:1: is not UTF-8 text",
		"a: &b 1":    "f:1:4: anchors and aliases (&, *) are not used here; write the value out",
		"123456789":  "f: has more than 8 bytes",
	} {
		limit := 100
		if text == "123456789" {
			limit = 8
		}
		r := &strictyaml.Reader{File: "f"}
		r.Document([]byte(text), limit)
		if got := fmt.Sprint(r.Problems.Err()); got != want {
			t.Errorf("%q gives %s, want %s", text, got, want)
		}
	}
}
