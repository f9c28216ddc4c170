package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/needs"
)

func completing(t *testing.T) *fakeDaemon {
	d := newFakeDaemon(t)
	d.answer("GET /v1/packages", `[{"name":"db","version":"15.2","status":"error"},{"name":"web","version":"1.4.2","status":"active"}]`)
	d.answer("GET /v1/packages/db", `{"name":"db","summary":"Keeps things","apps":["dump","psql"]}`)
	d.answer("GET /v1/packages/web", `{"name":"web","apps":[]}`)
	d.answer("GET /v1/services", `[{"package":"web","name":"www","state":"active"}]`)
	d.answer("GET /v1/changes", `[{"id":"12","summary":"Refresh \"web\"","status":"Doing"}]`)
	return d
}

func TestCompletionKnowsWhatMayFollow(t *testing.T) {
	d := completing(t)
	for _, test := range []struct {
		line string // what has been typed, the cursor at its end
		want string // candidates
	}{
		{"", "many"},
		{"he", "health help"},
		{"refresh --re", "--retry-refused"},
		{"refresh --tr", "--transaction="},
		{"refresh --transaction=", "--transaction=all"},
		{"--format ", "text json yaml"},
		{"--format=j", "--format=json"},
		{"list --fo", "--format="},
		{"--root /nowhere health ", ""},
		{"--root=/nowhere health ", ""},
		{"health ", "db web"},
		{"health w", "web"},
		{"health web ", ""},
		{"health --history w", "web"},
		{"check db w", "web"},
		{"refresh ", "db web :files"},
		{"install ./", ":files"},
		{"why d", "db"},
		{"logs web", "web web.www"},
		{"exec db.", "db.dump db.psql"},
		{"tasks ", "12"},
		{"data web ", "restore drop"},
		{"pack ", ":dirs"},
		{"pack dir ", ":files"},
		{"run --config ", ":files"},
		{"--root ", ":dirs"},
		{"debug m", "man"},
		{"help ref", "refresh"},
		{"help debug s", "system state"},
		{"help health ", ""},
		{"completion ", "bash zsh fish"},
		{"nonsense ", "many"},
	} {
		words := strings.Split(test.line, " ")
		r := newPerson(t, d.root).types(append([]string{"debug", "complete", "--"}, words...)...)
		var got []string
		for line := range strings.Lines(r.stdout) {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		if test.want == "many" {
			if len(got) < 30 {
				t.Errorf("%q gives only %v", test.line, got)
			}
			continue
		}
		if diff := cmp.Diff(strings.Fields(test.want), got); diff != "" && (test.want != "" || len(got) > 0) {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
	}
}

// bash itself, with nothing but the script that pkgd prints.
func TestCompletionInRealBash(t *testing.T) {
	bash := needs.Program(t, "bash", "bash")
	d := completing(t)
	dir := shortDir(t)
	for _, f := range []string{"hello.pkg", "help me.pkg"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"pkgd heal", "health"},
		{"pkgd health ", "db|web"},
		{"pkgd health --wa", "--watch"},
		{"pkgd list --format=", "text|json|yaml"},
		{"pkgd list --format=y", "yaml"},
		{"pkgd refresh --transaction", "--transaction="},
		{"pkgd install hel", "hello.pkg|help me.pkg"},
		{"pkgd run --config=hell", "hello.pkg"},
		{"pkgd nonsense x", ""},
	} {
		script := `source <(pkgd completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
compopt() { :; }
_pkgd
printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, "-c", script, "bash", test.line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PKGD_ROOT="+d.root, "PATH="+filepath.Dir(pkgdProgram(t))+":"+os.Getenv("PATH"))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		got := strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", "|")
		if err != nil || stderr.Len() > 0 || got != test.want {
			t.Errorf("%q completes to %q, want %q (%v %s)", test.line, got, test.want, err, stderr.String())
		}
	}
}
