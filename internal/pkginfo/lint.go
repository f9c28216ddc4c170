package pkginfo

import "io/fs"

// Levels of a [Finding].
const (
	LevelError = "error" // will not work
	LevelWarn  = "warn"  // will go wrong one day
	LevelNote  = "note"  // good to know
)

// Finding is one thing that lint has to say of a package.
type Finding struct {
	Rule  string `json:"rule"`
	Level string `json:"level"` // error, warn or note
	Where string `json:"where"` // file, with line and column where there are
	Text  string `json:"text"`
	Doc   string `json:"doc"` // anchor in the documentation: lint.md#RULE
}

// Lint reads a package's tree and tells what is wrong, or will go wrong. Each
// rule is described in [LintRules].
func Lint(fsys fs.FS) []Finding { return nil }
