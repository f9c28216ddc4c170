package pkginfo

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Levels of a [Finding].
const (
	LevelError = "error" // will not work
	LevelWarn  = "warn"  // will go wrong one day
	LevelNote  = "note"  // good to know
)

// LintDoc is the page that describes the rules; a rule's id is its anchor.
const LintDoc = "docs/reference/lint.md"

// Finding is one thing that lint has to say of a package.
type Finding struct {
	Rule  string `json:"rule"`
	Level string `json:"level"` // error, warn or note
	Where string `json:"where"` // file, with line and column where there are
	Text  string `json:"text"`
	Doc   string `json:"doc"` // LintDoc#RULE
}

// LintRule is one thing that lint looks for.
type LintRule struct {
	ID    string
	Level string
	Text  string // why, and what to do
	check func(*linter)
}

// LintRules lists what [Lint] looks for, in the order of its findings. Only what
// is certain from the files alone is a rule.
func LintRules() []LintRule {
	return []LintRule{
		{"manifest", LevelError, "The manifest cannot be read, or names a program or hook that is not there or not executable. Such a package is refused.", nil},
		{"hook-shebang", LevelError, "The kernel cannot run a script whose first line is not #! and an interpreter. Begin it with #!/bin/sh.", (*linter).hookShebang},
		{"hook-line-ending", LevelError, "The first line ends in CR LF, so the kernel looks for an interpreter whose name ends in CR. Save the file with LF.", (*linter).hookLineEnding},
		{"hook-unknown", LevelWarn, "A file in meta/hooks has a name that pkgd never runs, perhaps by a slip.", (*linter).hookUnknown},
		{"plugin-not-executable", LevelWarn, "A file in meta/health.d is not executable and so is no check.", (*linter).pluginNotExecutable},
		{"no-check-health", LevelWarn, "The package has services and no check-health hook: a bad update is noticed only when a service dies.", (*linter).noCheckHealth},
		{"never-waiting", LevelWarn, "An error that the hook sets is a verdict at once. A hook of a package with services that never says waiting takes a service that needs a moment for a broken one, and reverts good updates.", (*linter).neverWaiting},
		{"window-too-short", LevelWarn, "One run of check-health may take longer than settle, so a slow run is the only one, and its result the verdict. Lengthen settle or shorten health.timeout.", (*linter).windowTooShort},
		{"bake-zero", LevelWarn, "With bake: 0s a service that dies a moment after its start counts as well. Leave bake out, or make it longer than the service takes to fail.", (*linter).bakeZero},
		{"interval-too-short", LevelWarn, "check-health may take longer than the time between two runs; runs that come too late are skipped.", (*linter).intervalTooShort},
		{"uses-sudo", LevelWarn, "A hook cannot gain rights: sudo fails under no_new_privs. Say user: in the manifest instead.", (*linter).usesSudo},
		{"version-unordered", LevelWarn, "Part of the version is not a number, so which of two versions is newer may not be what people expect. Write 1.2.3, and pre-releases as 1.2.3-rc.1.", (*linter).versionUnordered},
		{"prerelease-order", LevelNote, "In semantic versioning rc10 is older than rc9. Write rc.10.", (*linter).prereleaseOrder},
		{"network-in-check", LevelNote, "check-health asks another machine. When that is down the package says that it is broken though it is not; say blocked with --blocker instead of error.", (*linter).networkInCheck},
		{"never-reverts", LevelNote, "With on-regression: keep a bad update of this package stays until a person reverts it.", (*linter).neverReverts},
		{"data-unversioned", LevelNote, "With data.versioned: false all revisions share one data folder: a revert brings the program back and not the data, so the old version has to read what the new one wrote.", (*linter).dataUnversioned},
		{"interval-not-longer", LevelNote, "A package can only lengthen the host's interval, which is 5 min unless the admin says otherwise; a shorter one has no effect there.", (*linter).intervalNotLonger},
		{"no-summary", LevelNote, "The package has no summary: pkgd info has nothing to say of it.", (*linter).noSummary},
	}
}

// What a host does unless its admin says otherwise (design §2).
const (
	hostSettle   = time.Minute
	hostInterval = 5 * time.Minute
)

// Lint reads a package's tree and tells what is wrong, or will go wrong one
// day. [LintRules] has the reasons.
func Lint(fsys fs.FS) []Finding {
	l := &linter{fsys: fsys}
	l.readManifest()
	for _, rule := range LintRules() {
		if rule.check == nil {
			continue
		}
		l.rule = rule
		rule.check(l)
	}
	return l.findings
}

// linter looks at one package. info is never nil: rules that ask the manifest
// find nothing in one that could not be read.
type linter struct {
	fsys     fs.FS
	info     *Info
	rule     LintRule
	findings []Finding
}

func (l *linter) find(where, format string, args ...any) {
	l.findings = append(l.findings, Finding{
		Rule: l.rule.ID, Level: l.rule.Level, Where: where,
		Text: fmt.Sprintf(format, args...), Doc: LintDoc + "#" + l.rule.ID,
	})
}

func (l *linter) readManifest() {
	l.rule = LintRules()[0]
	_, err := ReadTree(l.fsys)
	problems, ok := errors.AsType[Problems](err)
	if err != nil && !ok {
		l.find(ManifestPath, "%v", err)
	}
	for _, p := range problems {
		place := Problem{File: p.File, Line: p.Line, Column: p.Column}
		l.find(strings.TrimSuffix(place.Error(), ": "), "%s", strings.TrimPrefix(p.Error(), place.Error()))
	}
	l.info = &Info{Versioned: true, Summary: "unknown"}
	if b, err := readManifest(l.fsys); err == nil {
		if info, err := Parse(ManifestPath, b); err == nil {
			l.info = info
		}
	}
}

// timeout is how long a run of check-health may take.
func (l *linter) timeout() time.Duration {
	return valueOr(l.info.Health.Timeout, DefaultCheckTimeout)
}

func valueOr(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

func (l *linter) noCheckHealth() {
	if _, health := Hooks(l.fsys); len(l.info.Services) > 0 && !health {
		l.find(HooksDir+"/"+CheckHealth, "is not there, though the package has %s", count(len(l.info.Services), "service"))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "a " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

func (l *linter) windowTooShort() {
	h := l.info.Health
	settle := valueOr(h.Settle, hostSettle)
	if (h.Settle != nil || h.Timeout != nil) && settle > 0 && l.timeout() > settle {
		l.find(ManifestPath, "check-health may run for %v, settle ends after %v", l.timeout(), settle)
	}
}

func (l *linter) bakeZero() {
	if h := l.info.Health; h.Bake != nil && *h.Bake == 0 && len(l.info.Services) > 0 {
		l.find(ManifestPath, "health.bake is 0s, and the package has services")
	}
}

func (l *linter) intervalTooShort() {
	if i := l.info.Health.Interval; i != nil && *i < l.timeout() {
		l.find(ManifestPath, "health.interval is %v, check-health may run for %v", *i, l.timeout())
	}
}

func (l *linter) intervalNotLonger() {
	if i := l.info.Health.Interval; i != nil && *i < hostInterval {
		l.find(ManifestPath, "health.interval is %v", *i)
	}
}

func (l *linter) neverReverts() {
	if l.info.Health.OnRegression == "keep" {
		l.find(ManifestPath, "health.on-regression is keep")
	}
}

func (l *linter) dataUnversioned() {
	if !l.info.Versioned {
		l.find(ManifestPath, "data.versioned is false")
	}
}

func (l *linter) noSummary() {
	if l.info.Summary == "" {
		l.find(ManifestPath, "key \"summary\" is missing")
	}
}

func (l *linter) versionUnordered() {
	core, _ := splitVersion(l.info.Version)
	if l.info.Version != "" && slices.ContainsFunc(strings.Split(core, "."), func(part string) bool { return !isNumber(part) }) {
		l.find(ManifestPath, "version %q", l.info.Version)
	}
}

func (l *linter) prereleaseOrder() {
	_, pre := splitVersion(l.info.Version)
	for part := range strings.SplitSeq(pre, ".") {
		word := strings.TrimRight(part, "0123456789")
		if word != "" && word != part {
			l.find(ManifestPath, "version %q: write %s.%s", l.info.Version, word, cmp.Or(strings.TrimPrefix(part, word), "0"))
		}
	}
}
