package tests

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// field compares one value in the JSON that the last command printed: a dotted
// path, with numbers into arrays, and a regular expression that has to match all
// of it. Strings are bare, everything else is as in JSON; "!" wants it to differ
// or to be absent.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: field PATH REGEXP")
	}
	got, ok := lookup(printed(ts), args[0])
	matched := ok && regexp.MustCompile(`^(?s:`+args[1]+`)$`).MatchString(bare(ts, got))
	if matched == neg {
		ts.Fatalf("%s is %s", args[0], bare(ts, got))
	}
}

// fields wants keys to be there in the JSON object that the last command
// printed, whatever their values.
func fields(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: fields PATH…")
	}
	v := printed(ts)
	for _, path := range args {
		if _, ok := lookup(v, path); ok == neg {
			ts.Fatalf("%s: there is %v", path, ok)
		}
	}
}

func printed(ts *testscript.TestScript) any {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is no JSON: %v", err)
	}
	return v
}

func lookup(v any, path string) (any, bool) {
	if path == "." {
		return v, true
	}
	for _, part := range strings.Split(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = in[part]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func bare(ts *testscript.TestScript, v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	ts.Check(err)
	return string(b)
}
