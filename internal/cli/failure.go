package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

// The exit codes of commands that change things; design §7.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitReverted = 10
	exitPerson   = 11
	exitUnknown  = 3 // of health and check: UNKNOWN, usage and errors
)

// failure is an error with the exit code it asks for and what to do next.
type failure struct {
	code int
	text string
	next string // lines, empty for nothing to advise
	err  error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.err }

// exit ends a command whose story has been told with a code other than 0.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// cannot says what could not be done, with one "cannot" a line: where the reason
// says that it cannot do something itself, only what that was is kept of it.
func cannot(doing string, err error) error {
	if err == nil {
		return nil
	}
	var gone *client.Unreachable
	var told exit
	if errors.As(err, &gone) || errors.As(err, &told) {
		return err
	}
	doing, reason := named(doing, strings.TrimPrefix(err.Error(), "cannot "))
	return &chain{text: "cannot " + doing + ": " + reason, err: err}
}

var (
	oneSubject = regexp.MustCompile(`package "[^"]*"$`)
	whose      = regexp.MustCompile(`^(package "[^"]*"): `)
)

// named calls the one package that something was to be done to by the name that
// the reason begins with: for a path the client itself knows but the path's.
func named(doing, reason string) (subject, why string) {
	m := whose.FindStringSubmatch(reason)
	if m == nil || !oneSubject.MatchString(doing) {
		return doing, reason
	}
	return oneSubject.ReplaceAllLiteralString(doing, m[1]), reason[len(m[0]):]
}

// chain is an error in whose text not every word of its cause is repeated.
type chain struct {
	text string
	err  error
}

func (c *chain) Error() string { return c.text }
func (c *chain) Unwrap() error { return c.err }

// finish tells how it ended and gives the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return exitDone
	}
	var code exit
	if errors.As(err, &code) {
		return int(code)
	}
	a.tellError(err)
	return a.exitCode(err)
}

func (a *app) exitCode(err error) int {
	if a.command != nil && a.command.plugin {
		return exitUnknown
	}
	var f *failure
	if errors.As(err, &f) && f.code != 0 {
		return f.code
	}
	return exitFailed
}

// tellError prints the error and, below it, what to do next.
func (a *app) tellError(err error) {
	a.story("%s %s", a.err.red("error:"), a.err.text(err.Error()))
	for line := range strings.Lines(a.advice(err)) {
		a.story("  %s", a.err.text(strings.TrimRight(line, "\n")))
	}
}

// advice is what to do next, empty where there is nothing to say.
func (a *app) advice(err error) string {
	var f *failure
	if errors.As(err, &f) && f.next != "" {
		return f.next
	}
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Hint
	}
	var gone *client.Unreachable
	if !errors.As(err, &gone) {
		return ""
	}
	if errors.Is(gone, os.ErrPermission) {
		return "root and members of the group pkgd may talk to it: sudo usermod -aG pkgd \"$USER\", and log in again"
	}
	if a.dirs.Root == "/" {
		return "start it: systemctl start pkgd, or in a terminal of its own: pkgd run"
	}
	return "start it in a terminal of its own: " + a.pkgd("run")
}

// kind is the kind of the daemon's refusal, empty for other errors.
func kind(err error) api.ErrorKind {
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Kind
	}
	return ""
}
