package systemd_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/systemd"
)

var setting = regexp.MustCompile(`^[A-Z][A-Za-z]*=`)

// FuzzUnitFile makes units of any words that a manifest may hold. Whatever they
// are, the file has the same lines as that of an innocent unit, systemd would run
// just these words, and pkgd reads back what it wrote.
func FuzzUnitFile(f *testing.F) {
	f.Add("/bin/echo", "100% $HOME \"x\" \\y", "A=b c")
	f.Add("a\nExecStartPre=/bin/evil", "[Service]", "\x00\x1b\xff")
	f.Add("", "\\", "\u2028; rm")
	f.Fuzz(func(t *testing.T, program, arg, env string) {
		d, err := dirs.New("/")
		if err != nil {
			t.Fatal(err)
		}
		u := service.Unit{Package: "web", Name: "serve", Revision: 3, Command: []string{program, arg}, StopCommand: []string{program, arg}, Env: []string{env}}
		text := systemd.UnitFile(u, d)
		plain := u
		plain.Command, plain.StopCommand, plain.Env = []string{"a", "b"}, []string{"a", "b"}, []string{"A=b"}
		if diff := cmp.Diff(keysOf(t, systemd.UnitFile(plain, d)), keysOf(t, text)); diff != "" {
			t.Errorf("other lines than of an innocent unit:\n%s", diff)
		}
		for _, line := range strings.Split(text, "\n") {
			if words, ok := strings.CutPrefix(line, "ExecStart=:"); ok && !slices.Equal(unquote(words), u.Command) {
				t.Errorf("%s runs %q, not %q", line, unquote(words), u.Command)
			}
		}
		read, ok := systemd.ReadNote(text)
		if utf8.ValidString(program) && utf8.ValidString(arg) && (!ok || !slices.Equal(read.Command, u.Command)) {
			t.Errorf("read back: %v %+v", ok, read)
		}
	})
}

// keysOf are the sections and settings of a unit file, line by line.
func keysOf(t *testing.T, text string) (keys []string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		key := setting.FindString(line)
		if key == "" && line != "" && !strings.HasPrefix(line, "[") && !strings.HasPrefix(line, "#") {
			t.Errorf("a line that is no setting: %q", line)
		}
		if key == "" {
			key = line
		}
		keys = append(keys, key)
	}
	return keys
}

// unquote takes words apart as systemd does, of what pkgd writes.
func unquote(s string) (words []string) {
	for s = strings.TrimSpace(s); strings.HasPrefix(s, `"`); s = strings.TrimLeft(s, " ") {
		var word []byte
		i := 1
		for ; i < len(s) && s[i] != '"'; i++ {
			switch {
			case strings.HasPrefix(s[i:], "%%"):
				word = append(word, '%')
				i++
			case strings.HasPrefix(s[i:], `\x`) && i+3 < len(s):
				word = append(word, hex(s[i+2])<<4|hex(s[i+3]))
				i += 3
			case s[i] == '\\' && i+1 < len(s):
				word = append(word, s[i+1])
				i++
			default:
				word = append(word, s[i])
			}
		}
		words = append(words, string(word))
		s = s[min(i+1, len(s)):]
	}
	return words
}

func hex(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func TestALineCountsThatTheServicesOwnUnitMade(t *testing.T) {
	const label = `"PKGD_SERVICE":"pkgd.web.serve"`
	for line, want := range map[string]bool{
		`{"MESSAGE":"x",` + label + `,"_SYSTEMD_UNIT":"pkgd.web.serve.r12.service"}`:                   true,
		`{"MESSAGE":"x",` + label + `}`:                                                                false,
		`{"MESSAGE":"x",` + label + `,"_SYSTEMD_UNIT":"ssh.service"}`:                                  false,
		`{"MESSAGE":"x",` + label + `,"_SYSTEMD_UNIT":"pkgd.db.serve.r1.service"}`:                     false,
		`{"MESSAGE":"x",` + label + `,"_SYSTEMD_UNIT":"pkgd-0123abcd.web.serve.r1.service"}`:           false,
		`{"MESSAGE":"x","PKGD_SERVICE":["pkgd.a.b","pkgd.a.c"],"_SYSTEMD_UNIT":"pkgd.a.b.r1.service"}`: false,
	} {
		if got, ok := systemd.JournalLine([]byte(line)); ok != want || ok && (got.Package != "web" || got.Service != "serve") {
			t.Errorf("%s: %+v, %v", line, got, ok)
		}
	}
}

// FuzzJournalLine reads what journalctl may print, of entries that anybody who can
// write to the journal has made.
func FuzzJournalLine(f *testing.F) {
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"1","PKGD_SERVICE":"pkgd.web.serve","_SYSTEMD_UNIT":"pkgd.web.serve.r1.service","MESSAGE":"x"}`))
	f.Add([]byte(`{"PKGD_SERVICE":"pkgd.web","MESSAGE":[255,-1,300]}`))
	f.Add([]byte(`{"__REALTIME_TIMESTAMP":"99999999999999999999","MESSAGE":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		line, ok := systemd.JournalLine(b)
		if ok && (!utf8.ValidString(line.Line) || line.Package == "" && line.Service == "" && !strings.Contains(string(b), ".")) {
			t.Errorf("%+v", line)
		}
	})
}
