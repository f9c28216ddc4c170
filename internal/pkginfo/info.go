// Package pkginfo reads what a package says of itself.
//
// Its nouns: an [Info] is the manifest, meta/pkg.yaml; a [Service] is a program
// that runs all the time, an [App] one that people run, a [Hook] a script under
// meta/hooks; a [Problem] is one thing that is wrong with the manifest or the
// tree it describes; a [Finding] is what lint has to say. Versions are ordered
// by [CompareVersions].
//
// Its rule: a manifest is either understood in full or refused with everything
// that is wrong with it at once, each with line, column and what would have been
// accepted. Reading never runs anything and never leaves the tree.
package pkginfo

import (
	"slices"
	"time"

	"pkgd.io/pkgd/internal/strictyaml"
)

// Places inside a package's tree, slash-separated as in io/fs.
const (
	ManifestPath = "meta/pkg.yaml"
	HooksDir     = "meta/hooks"
	HealthDir    = "meta/health.d"
	CheckHealth  = "check-health" // the hook that says how the package is
)

// MaxChecks is how many checks a package may have (design §2, "Checks").
const MaxChecks = 64

// What holds where the manifest says nothing.
const (
	DefaultCheckTimeout = 30 * time.Second // check-health
	DefaultHookTimeout  = 10 * time.Minute // all other hooks
	DefaultReadyTimeout = 10 * time.Second
)

// Info is a package's manifest.
type Info struct {
	Name          string
	Version       string
	Summary       string
	Architectures []string  // as written; none or all: runs anywhere
	Services      []Service // in the manifest's order
	Apps          []App     // in the manifest's order
	Hooks         map[string]Hook
	Health        Health
	Versioned     bool   // each revision has data of its own
	Confinement   string // "" is the default, or none
}

// Service is a program that runs as long as the package is installed. Commands
// are split by [SplitCommand]; a program whose path does not begin with a slash
// is relative to the revision's root.
type Service struct {
	Name        string
	Command     string
	StopCommand string   // "": SIGTERM
	Restart     string   // on-failure (default), always or no
	After       []string // services of this package that start before this one
	Environment map[string]string
	User        string // "": pkgd's own
	Ready       *Ready // nil: ready when started
	Limits      Limits
}

// Limits bound all processes of a service together; 0 is no bound.
type Limits struct {
	Memory int64 // bytes
	Tasks  int   // processes and threads
	CPU    int   // percent of one processor
}

// Ready is how to see that a started service does its work: exactly one of TCP
// (HOST:PORT), Unix (a socket's path) and Exec (a command that exits 0).
type Ready struct {
	TCP, Unix, Exec string
	Timeout         time.Duration // how long the start waits for it
}

// App is a program that people run by pkgd exec.
type App struct {
	Name    string
	Command string
}

// Hook is what the manifest says of one hook; the hook itself is a file.
type Hook struct {
	Timeout time.Duration // 0: the default; for check-health see [Health.Timeout]
	User    string        // "": pkgd's own
}

// Health is how the package wants to be judged. A nil duration is the host's.
type Health struct {
	Interval     *time.Duration // between runs at rest; only lengthens the host's
	Timeout      *time.Duration // of one run
	Settle       *time.Duration // how long after a refresh the package may take to become active
	Bake         *time.Duration // how long it then must stay so
	Rollup       Rollup
	RevertOn     []string // error (default), blocked
	OnRegression string   // revert (default) or keep
}

// Rollup is how checks make a status: worst, majority, or quorum with the
// number N of checks that must not fail.
type Rollup struct {
	Rule string
	N    int
}

// Problem is one thing that is wrong with a package; see [strictyaml.Problem].
type Problem = strictyaml.Problem

// Problems is all that is wrong with a package, and an error.
type Problems = strictyaml.Problems

// Nearest is the one of among that word was most likely meant to be, or "".
func Nearest(word string, among []string) string { return strictyaml.Nearest(word, among) }

// HookNames lists the hooks that pkgd runs.
func HookNames() []string {
	return []string{"install", "configure", "pre-refresh", "post-refresh", "remove", CheckHealth}
}

// RunsOn tells whether the package is made for a machine of Go's name goarch.
func (i *Info) RunsOn(goarch string) bool {
	if len(i.Architectures) == 0 {
		return true
	}
	return slices.ContainsFunc(i.Architectures, func(a string) bool {
		return a == "all" || a == goarch || debianArch[a] == goarch
	})
}
