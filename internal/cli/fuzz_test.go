package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/cli"
	"pkgd.io/pkgd/internal/remote"
)

// FuzzHostAnswer takes what another host may print when asked for its health. It is
// put beside an innocent one's, is JSON again, and has nothing in it that could
// steer a terminal.
func FuzzHostAnswer(f *testing.F) {
	f.Add([]byte(`{"level":"OK","counts":{"active":1},"packages":[{"package":"web","status":"active","checks":[{"name":"a","data":{"k":"v"}}]}]}`), "", 0)
	f.Add([]byte(`{"package":"web","status":"error","message":"\u001b[2J","last":{"package":"web"}}`), "x", 2)
	f.Add([]byte(`{"level":"SPLENDID","packages":null}`), "error: \x1b[2J", 1)
	f.Add([]byte("no JSON\n"), "", 127)
	f.Fuzz(func(t *testing.T, stdout []byte, stderr string, exit int) {
		doc, texts, err := cli.TellHosts([]remote.Answer{
			{Host: "a", Stdout: stdout, Stderr: stderr, Exit: exit},
			{Host: "b", Stdout: []byte(`{"level":"OK","counts":{},"packages":[{"package":"web","status":"active"}]}`)},
		})
		if err != nil || !json.Valid(doc) {
			t.Fatalf("%v: %s", err, doc)
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\x1b\n\r\x00\x07\u009b") {
				t.Errorf("shows %q", text)
			}
		}
	})
}
