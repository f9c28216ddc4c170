package pkginfo_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/pkginfo"
)

const head = "name: web\nversion: \"1.0\"\nsummary: Web\n"

// tree makes a tree of files; what begins with #! is executable.
func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: mode}
	}
	return fsys
}

func TestReadTreeChecksWhatTheManifestNames(t *testing.T) {
	_, err := pkginfo.ReadTree(tree(map[string]string{
		"meta/pkg.yaml": head + `services:
  a: {command: bin/a, stop-command: bin/stop, ready: {exec: ./bin/ready}}
  b: {command: sh -c true}
  c: {command: /bin/sh}
  d: {command: bin}
apps: {e: {command: bin/a}}
hooks: {install: {timeout: 1m}}
`,
		"bin/a":                  "no program",
		"bin/ready":              "#!/bin/sh\n",
		"meta/hooks/configure":   "#!/bin/sh\n",
		"meta/hooks/pre-refresh": "echo\n",
		"meta/hooks/helper":      "not a hook",
	}))
	want := `bin: the program of service "d" is not a file
bin/a: the program of service "a" is not executable: chmod +x bin/a
bin/stop: the stop-command of service "a" is not in the package; a program of the system is named by its whole path, such as /bin/stop
meta/hooks/install: hook "install" is not in the package; take it out of hooks: or write it
meta/hooks/pre-refresh: hook "pre-refresh" is not executable: chmod +x meta/hooks/pre-refresh
sh: the program of service "b" is not in the package; a program of the system is named by its whole path, such as /bin/sh`
	if diff := cmp.Diff(want, fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

func TestMoreChecksThanARecordHoldsAreRefusedAndNotPassedOver(t *testing.T) {
	files := map[string]string{"meta/pkg.yaml": head, "meta/health.d/README": "not a check"}
	for i := range pkginfo.MaxChecks {
		files[fmt.Sprintf("meta/health.d/check-%02d", i)] = "#!/bin/sh\n"
	}
	if _, err := pkginfo.ReadTree(tree(files)); err != nil {
		t.Error(err)
	}
	files["meta/health.d/zz"] = "#!/bin/sh\nexit 2\n"
	_, err := pkginfo.ReadTree(tree(files))
	if got, want := fmt.Sprint(err), "meta/health.d: has 65 executables; a package has at most 64 checks"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAHookThatIsALinkToNothingIsNotTakenForNoHook(t *testing.T) {
	fsys := tree(map[string]string{"meta/pkg.yaml": head})
	fsys["meta/hooks/check-health"] = &fstest.MapFile{Data: []byte("../../bin/check"), Mode: fs.ModeSymlink | 0o777}
	want := `meta/hooks/check-health: hook "check-health" is a link to what is not in the package`
	if _, err := pkginfo.ReadTree(fsys); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	fsys["bin/check"] = &fstest.MapFile{Data: []byte("#!/bin/sh\n"), Mode: 0o755}
	if _, err := pkginfo.ReadTree(fsys); err != nil {
		t.Error(err)
	}
}

func TestReadTreeSaysThatThereIsNoManifest(t *testing.T) {
	for _, fsys := range []fstest.MapFS{tree(nil), tree(map[string]string{"meta/x": ""}), tree(map[string]string{"meta/pkg.yaml/x": ""})} {
		_, err := pkginfo.ReadTree(fsys)
		if _, ok := err.(pkginfo.Problems); !ok || !strings.HasPrefix(err.Error(), "meta/pkg.yaml: is ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestReadTreeDoesNotLeaveTheTree(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"meta/pkg.yaml": head + "apps: {e: {command: bin/out}}\n", "bin/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/bin/sh", filepath.Join(dir, "bin/out")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := pkginfo.ReadTree(root.FS()); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
}

func TestHooksListsWhatIsExecutable(t *testing.T) {
	names, health := pkginfo.Hooks(tree(map[string]string{
		"meta/hooks/remove": "#!x", "meta/hooks/install": "#!x", "meta/hooks/configure": "x", "meta/hooks/other": "#!x", "meta/health.d/README": "x",
	}))
	if diff := cmp.Diff([]string{"install", "remove"}, names); diff != "" || health {
		t.Errorf("health is %v; %s", health, diff)
	}
	if _, health := pkginfo.Hooks(tree(map[string]string{"meta/health.d/disk": "#!x"})); !health {
		t.Error("a plug-in is no health")
	}
	if _, health := pkginfo.Hooks(tree(map[string]string{"meta/hooks/check-health": "#!x"})); !health {
		t.Error("check-health is no health")
	}
}

const service = "services: {a: {command: /bin/true}}\n"

func TestLintFindsEachRule(t *testing.T) {
	for rule, test := range map[string]struct {
		files map[string]string
		where string
	}{
		"manifest":              {map[string]string{"meta/pkg.yaml": head + "x: y\n"}, "meta/pkg.yaml:4:1"},
		"hook-shebang":          {map[string]string{"meta/pkg.yaml": head, "meta/hooks/install": "#!\nx"}, "meta/hooks/install:1"},
		"hook-line-ending":      {map[string]string{"meta/pkg.yaml": head, "meta/hooks/install": "#!/bin/sh\r\nx\r\n"}, "meta/hooks/install:1"},
		"hook-unknown":          {map[string]string{"meta/pkg.yaml": head, "meta/hooks/instal": "#!/bin/sh\n"}, "meta/hooks/instal"},
		"plugin-not-executable": {map[string]string{"meta/pkg.yaml": head, "meta/health.d/disk": "x"}, "meta/health.d/disk"},
		"no-check-health":       {map[string]string{"meta/pkg.yaml": head + service}, "meta/hooks/check-health"},
		"never-waiting":         {map[string]string{"meta/pkg.yaml": head + service, "meta/hooks/check-health": "#!/bin/sh\n# wait\nctl set-health error 'x'\n"}, "meta/hooks/check-health:3"},
		"window-too-short":      {map[string]string{"meta/pkg.yaml": head + "health: {settle: 10s}\n"}, "meta/pkg.yaml"},
		"bake-zero":             {map[string]string{"meta/pkg.yaml": head + service + "health: {bake: 0s}\n", "meta/health.d/x": "#!/bin/sh\n"}, "meta/pkg.yaml"},
		"interval-too-short":    {map[string]string{"meta/pkg.yaml": head + "health: {interval: 6m, timeout: 7m, settle: 10m}\n"}, "meta/pkg.yaml"},
		"uses-sudo":             {map[string]string{"meta/pkg.yaml": head, "meta/hooks/install": "#!/bin/sh\n# no sudo\ntrue && sudo chown x y\n"}, "meta/hooks/install:3"},
		"version-unordered":     {map[string]string{"meta/pkg.yaml": "name: web\nversion: 2024a\nsummary: x\n"}, "meta/pkg.yaml"},
		"prerelease-order":      {map[string]string{"meta/pkg.yaml": "name: web\nversion: 1.0-rc10\nsummary: x\n"}, "meta/pkg.yaml"},
		"network-in-check":      {map[string]string{"meta/pkg.yaml": head, "meta/hooks/check-health": "#!/bin/sh\ncurl http://localhost:80/ || curl https://example.com/\n"}, "meta/hooks/check-health:2"},
		"never-reverts":         {map[string]string{"meta/pkg.yaml": head + "health: {on-regression: keep}\n"}, "meta/pkg.yaml"},
		"data-unversioned":      {map[string]string{"meta/pkg.yaml": head + "data: {versioned: false}\n"}, "meta/pkg.yaml"},
		"interval-not-longer":   {map[string]string{"meta/pkg.yaml": head + "health: {interval: 1m}\n"}, "meta/pkg.yaml"},
		"no-summary":            {map[string]string{"meta/pkg.yaml": "name: web\nversion: \"1\"\n"}, "meta/pkg.yaml"},
	} {
		found := pkginfo.Lint(tree(test.files))
		if len(found) != 1 || found[0].Rule != rule || found[0].Where != test.where || found[0].Doc != "docs/reference/lint.md#"+rule {
			t.Errorf("%s: found %+v", rule, found)
		}
	}
}

func TestLintHasNothingToSayOfAGoodPackage(t *testing.T) {
	found := pkginfo.Lint(tree(map[string]string{
		"meta/pkg.yaml": head + service + "health: {interval: 10m, timeout: 5s, settle: 30s}\n",
		"meta/hooks/check-health": `#!/bin/sh
# a comment with https://example.com and sudo in it
if curl -fs "http://127.0.0.1:8080/ready" && curl http://[::1]:80/ && curl "http://$HOST/"; then ctl set-health active
elif [ -e starting ]; then ctl set-health waiting "still starting"
else ctl set-health error --code=no-answer "no answer"; fi
`,
		"meta/health.d/disk": "#!/bin/sh\nexit 0\n",
	}))
	if len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}

func TestLintTakesAnyTree(t *testing.T) {
	if found := pkginfo.Lint(tree(nil)); len(found) != 1 || found[0].Level != pkginfo.LevelError {
		t.Errorf("of nothing: %+v", found)
	}
}

func TestEveryLintRuleIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range pkginfo.LintRules() {
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(rule.ID) || seen[rule.ID] || len(rule.Text) < 40 || !strings.HasSuffix(rule.Text, ".") {
			t.Errorf("rule %+v", rule)
		}
		seen[rule.ID] = true
	}
}
