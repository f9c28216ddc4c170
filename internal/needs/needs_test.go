package needs_test

import (
	"fmt"
	"runtime"
	"testing"

	"pkgd.io/pkgd/internal/needs"
)

// recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) { r.end("failed: "+format, args) }
func (r *recorder) Skipf(format string, args ...any)  { r.end("skipped: "+format, args) }

func (r *recorder) end(format string, args []any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// asks gives what came of a test that needs a program.
func asks(name string) (path, said string) {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		path = needs.Program(r, name, "a-package")
	}()
	<-done
	return path, r.said
}

func TestAMissingProgramSkipsAPersonsTestAndFailsTheProjects(t *testing.T) {
	for ci, want := range map[string]string{
		"":     "skipped: no-such-program is missing: apt-get install a-package",
		"true": "failed: no-such-program is missing: apt-get install a-package (and CI=true says that nothing is missing)",
	} {
		t.Setenv("CI", ci)
		if _, said := asks("no-such-program"); said != want {
			t.Errorf("CI=%s: %q", ci, said)
		}
	}
}

func TestAProgramThatIsThereIsFound(t *testing.T) {
	if path, said := asks("sh"); path == "" || said != "" {
		t.Errorf("%q %q", path, said)
	}
}
