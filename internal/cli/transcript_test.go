package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/remote/remotetest"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// A transcript is a page that reads as a session: what the daemon answers, and
// then what a person types and sees. Lines of stderr begin with "2> ", what the
// daemon was asked with "> ", and an exit code other than 0 stands in brackets.
// "$ tty pkgd …" types on a terminal, "$ ascii pkgd …" where there is no Unicode.
// A part called "ssh NAME" is another host: the script that ssh runs there.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			page, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, page)
			session := &page.Files[len(page.Files)-1]
			if session.Name != "session" {
				t.Fatal("the last part of a transcript is its session")
			}
			if *update {
				session.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(page), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(session.Data), got); diff != "" {
				t.Errorf("session differs (-want +got):\n%s", diff)
			}
		})
	}
}

func play(t *testing.T, page *txtar.Archive) string {
	d := newFakeDaemon(t)
	last := len(page.Files) - 1
	ssh := remotetest.New(t)
	for _, f := range page.Files[:last] {
		if host, found := strings.CutPrefix(f.Name, "ssh "); found {
			ssh.Host(host, string(f.Data))
			continue
		}
		d.answer(f.Name, string(f.Data))
	}
	var b strings.Builder
	for line := range strings.Lines(string(page.Files[last].Data)) {
		if strings.HasPrefix(line, "$ ") {
			typed(t, d, ssh, strings.TrimSpace(line), &b)
		}
	}
	return strings.ReplaceAll(b.String(), d.root, "ROOT")
}

// typed carries out one line of a session and writes down what is seen.
func typed(t *testing.T, d *fakeDaemon, ssh *remotetest.SSH, line string, b *strings.Builder) {
	p := newPerson(t, d.root)
	p.env["PATH"] = ssh.Dir
	words, err := pkginfo.SplitCommand(strings.TrimPrefix(line, "$ "))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for words[0] != "pkgd" {
		switch words[0] {
		case "tty":
			p.terminal = true
		case "ascii":
			p.env["LANG"] = "C"
		default:
			t.Fatalf("%s: what is %q?", line, words[0])
		}
		words = words[1:]
	}
	before := len(d.requests())
	r := p.types(words[1:]...)
	fmt.Fprintln(b, line)
	for _, asked := range d.requests()[before:] {
		fmt.Fprintf(b, "> %s\n", asked)
	}
	for text := range strings.Lines(r.stderr) {
		fmt.Fprintf(b, "2> %s", text)
	}
	b.WriteString(r.stdout)
	if r.code != 0 {
		fmt.Fprintf(b, "[exit %d]\n", r.code)
	}
}
