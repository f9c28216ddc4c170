package housetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/snapctl"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pages lists every page of prose in the tree.
func pages(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && passedOver(d.Name()) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, strings.TrimPrefix(path, root+"/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestTheTableOfRulesIsTheOneInTheCode: on failure it prints what belongs
// between the markers.
func TestTheTableOfRulesIsTheOneInTheCode(t *testing.T) {
	page := read(t, "docs/explanation/how-a-verdict-is-reached.md")
	_, rest, begun := strings.Cut(page, "<!-- rules: begin -->\n")
	table, _, ended := strings.Cut(rest, "<!-- rules: end -->")
	if !begun || !ended {
		t.Fatal("the markers are gone")
	}
	if want := rules(); table != want {
		t.Errorf("between the markers belongs:\n%s\n%s", want, cmp.Diff(want, table))
	}
}

func rules() string {
	b := "| before → after | only if | what happens | rule | why |\n|---|---|---|---|---|\n"
	for _, r := range healthstate.Rules() {
		b += "| " + strings.Join([]string{
			statuses(r.Before) + " → " + statuses(r.After), r.Only, happens(r.Decision), "`" + r.Rule + "`", r.Text,
		}, " | ") + " |\n"
	}
	return b
}

func statuses(all []healthstate.Status) string {
	if len(all) == 0 {
		return "anything"
	}
	var words []string
	for _, s := range all {
		words = append(words, string(s))
	}
	return strings.Join(words, " or ")
}

func happens(d healthstate.Decision) string {
	text := map[string]string{
		api.OutcomeDone: "keep", api.OutcomeKept: "keep", api.OutcomeUnproven: "keep, marked `unproven`", api.OutcomeReverted: "**revert**",
	}[d.Outcome]
	if d.Warning != "" {
		text += ", warning"
	}
	if d.WantsPerson {
		text += ", wants a person"
	}
	return text
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

func TestLinksInTheDocumentationLeadSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			target := page
			if strings.Contains(m[1], "://") {
				continue
			}
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if m[2] != "" && strings.HasSuffix(target, ".md") && !anchored(read(t, target), m[2][1:]) {
				t.Errorf("%s links to %s%s, which has no such heading", page, target, m[2])
			}
		}
	}
}

// anchored tells whether a page has the heading that makes an anchor.
func anchored(page, anchor string) bool {
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "#") && slug(strings.TrimLeft(line, "# ")) == anchor {
			return true
		}
	}
	return false
}

// slug makes an anchor of a heading as forges do.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, heading)
}

func TestTheReferenceOfCtlHasEveryCommandAndOption(t *testing.T) {
	page := read(t, "docs/reference/ctl.md")
	for _, c := range snapctl.Commands() {
		if !strings.Contains(page, "`"+c.Usage()+"`") {
			t.Errorf("the usage of %s is missing: %s", c.Name, c.Usage())
		}
		for _, o := range c.Options {
			if !strings.Contains(page, "--"+o.Name) {
				t.Errorf("option --%s of %s is missing", o.Name, c.Name)
			}
		}
	}
	help, _ := snapctl.Help([]string{"help"})
	if !strings.Contains(page, help) {
		t.Error("the output of ctl help is not the one that is shown")
	}
}

func TestTheReferenceOfHealthHasEveryCodeOfPkgds(t *testing.T) {
	page := read(t, "docs/reference/health.md")
	for _, folder := range []string{"healthstate", "overlord/pkgstate"} {
		for _, code := range codes(t, folder) {
			if !strings.Contains(page, "`"+code+"`") {
				t.Errorf("code %s is missing", code)
			}
		}
	}
}

var codeForm = regexp.MustCompile(`^pkgd-[a-z-]+[a-z]$`)

// codes are the strings in a folder's constants that look like codes of pkgd's.
func codes(t *testing.T, folder string) (found []string) {
	t.Helper()
	for _, path := range sources(t)[filepath.Join(root, folder)] {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for _, v := range spec.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && codeForm.MatchString(s) {
						found = append(found, s)
					}
				}
			}
			return false
		})
	}
	return found
}

var runRule = regexp.MustCompile(`"(run-[a-z-]+)", pkginfo\.Level(\w+),`)

func TestTheReferenceOfLintHasEveryRuleWithItsLevel(t *testing.T) {
	page := read(t, "docs/reference/lint.md")
	levels := map[string]string{}
	for _, rule := range pkginfo.LintRules() {
		levels[rule.ID] = rule.Level
	}
	for _, m := range runRule.FindAllStringSubmatch(read(t, "internal/cli/trial.go"), -1) {
		levels[m[1]] = strings.ToLower(m[2])
	}
	for id, level := range levels {
		if !strings.Contains(page, "### "+id+"\n\n"+level+". ") {
			t.Errorf("rule %s (%s) is missing", id, level)
		}
	}
	if n := strings.Count(page, "\n### "); n != len(levels) {
		t.Errorf("%d rules are described, and there are %d", n, len(levels))
	}
}

var example = regexp.MustCompile("(?s)```yaml\n# ([^\n]*)\n(.*?)```")

// TestExamplesInTheDocumentationAreAccepted: the first line of an example says
// which file it is.
func TestExamplesInTheDocumentationAreAccepted(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range example.FindAllStringSubmatch(read(t, page), -1) {
			var err error
			switch filepath.Base(m[1]) {
			case "pkg.yaml":
				_, err = pkginfo.Parse(m[1], []byte(m[2]))
			case "pkgd.yaml":
				_, err = config.Parse(m[1], []byte(m[2]))
			}
			if err != nil {
				t.Errorf("%s: the example of %s: %v", page, m[1], err)
			}
		}
	}
}

func TestEveryDecisionIsListed(t *testing.T) {
	const folder = "docs/explanation/decisions"
	list := read(t, folder+"/README.md")
	entries, err := os.ReadDir(filepath.Join(root, folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "README.md" && !strings.Contains(list, "("+e.Name()+")") {
			t.Errorf("%s is not in the list of decisions", e.Name())
		}
	}
}
