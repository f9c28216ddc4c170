package snapctl_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

// FuzzRequest holds the hand-written encoder against the shape in api.
func FuzzRequest(f *testing.F) {
	f.Add("cookie", "set-health\x00error\x00it said \"no\"\n\t\\ \u2028 😀")
	f.Add("", "")
	f.Add("\x00\x1f\x7f", "a\x00\x00b")
	f.Fuzz(func(t *testing.T, cookie, line string) {
		if !utf8.ValidString(cookie) || !utf8.ValidString(line) {
			t.Skip("Run refuses what is not UTF-8 before it encodes")
		}
		want := api.CtlRequest{Cookie: cookie, Args: strings.Split(line, "\x00")}
		var got api.CtlRequest
		if err := json.Unmarshal(snapctl.Encode(snapctl.Request{Cookie: cookie, Args: want.Args}), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// FuzzResponse holds the hand-written decoder against encoding/json: what that
// writes is read alike, and nothing is read that it would refuse.
func FuzzResponse(f *testing.F) {
	f.Add([]byte(`{"stdout":"a\u00e9\ud83d\ude00\ud83dx\/\b","stderr":"","exit-code":1}`))
	f.Add([]byte(` { "new" : [ {"a":null}, -1.5e+3, true, false ] , "exit-code" : 2 } `))
	f.Add([]byte(`{"exit-code":01}`))
	f.Add([]byte(`{"stdout":"` + "\n" + `"}`))
	f.Add([]byte(strings.Repeat(`{"a":`, 2000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := snapctl.Decode(b); ok && !json.Valid(b) {
			t.Errorf("read %q, which is not JSON", b)
		}
		want := api.CtlResponse{Stdout: strings.ToValidUTF8(string(b), "�"), Stderr: "x", ExitCode: len(b) % 3}
		sent, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := snapctl.Decode(sent)
		if d := cmp.Diff(want, api.CtlResponse(got)); !ok || d != "" {
			t.Errorf("%s: %v\n%s", sent, ok, d)
		}
	})
}

// FuzzMessage feeds the reader of HTTP anything at all.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"))
	f.Add([]byte("\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, ok := snapctl.Body(b)
		if ok && len(body) > len(b) {
			t.Errorf("%d bytes of body in %d", len(body), len(b))
		}
	})
}

func TestTheBodyOfAnAnswerIsFoundOrRefused(t *testing.T) {
	for _, c := range []struct {
		name, message, body string
		ok                  bool
	}{
		{"with length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", true},
		{"length in other letters", "HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\n{}rest", "{}", true},
		{"without length, to the end", "HTTP/1.0 200 OK\r\n\r\n{}", "{}", true},
		{"cut short", "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n{}", "", false},
		{"head cut short", "HTTP/1.0 200 OK\r\nContent-", "", false},
		{"nothing", "", "", false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "", false},
		{"length that is no number", "HTTP/1.0 200 OK\r\nContent-Length: -2\r\n\r\n{}", "", false},
		{"not HTTP", "220 mail\r\n\r\n{}", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, ok := snapctl.Body([]byte(c.message))
			if ok != c.ok || string(body) != c.body {
				t.Errorf("got %q, %v", body, ok)
			}
		})
	}
}

func TestTheDecoderIsStrict(t *testing.T) {
	bad := []string{
		``, `{`, `[]`, `null`, `{"exit-code":}`, `{"exit-code":1.5}`, `{"exit-code":"1"}`, `{"exit-code":01}`,
		`{"exit-code":99999999999999999999}`, `{"stdout":1}`, `{"stdout":"a}`, `{"stdout":"\x"}`, `{"stdout":"\u12g4"}`,
		`{"stdout":"\ud83d\u12"}`, `{"a":tru}`, `{"a":1,}`, `{"a" 1}`, `{"a":[1 2]}`, `{"a":1.}`, `{"a":1e}`, `{"a":-}`, `{} x`, `{"stdout":"\`,
	}
	for _, b := range bad {
		if r, ok := snapctl.Decode([]byte(b)); ok {
			t.Errorf("%s was read as %+v", b, r)
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range snapctl.Commands() {
		asks := [][]string{{"help", c.Name}}
		if c.Name != "help" {
			asks = append(asks, []string{c.Name, "--help"}, []string{c.Name, "x", "-h"})
		}
		for _, ask := range asks {
			text, asked := snapctl.Help(ask)
			if !asked || !strings.Contains(text, "Usage: "+c.Usage()) || !strings.Contains(text, c.Summary) {
				t.Errorf("%v: %v\n%s", ask, asked, text)
			}
		}
		overview, _ := snapctl.Help([]string{"help"})
		if !strings.Contains(overview, "  "+c.Name+" ") {
			t.Errorf("the overview does not list %s", c.Name)
		}
	}
}

func TestHelpKeepsOutOfWhatIsNoQuestion(t *testing.T) {
	for _, args := range [][]string{
		nil, {"get", "a"}, {"set", "a=--help"}, {"get", "--", "--help"}, {"help", "nothing"}, {"help", "get", "set"}, {"nothing", "--help"},
	} {
		if text, asked := snapctl.Help(args); asked {
			t.Errorf("%v was answered with %q", args, text)
		}
	}
}

func TestNoTwoWordsAreTheSame(t *testing.T) {
	var words []string
	for _, c := range snapctl.Commands() {
		words = append(append(words, c.Name), c.Aliases...)
	}
	slices.Sort(words)
	if n := len(words); len(slices.Compact(words)) != n {
		t.Errorf("%v", words)
	}
}
