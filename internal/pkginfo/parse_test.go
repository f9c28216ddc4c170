package pkginfo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/pkginfo"
)

func pointer[T any](v T) *T { return &v }

func parse(text string) (*pkginfo.Info, error) { return pkginfo.Parse("meta/pkg.yaml", []byte(text)) }

const full = `
name: web
version: "1.4.2"
summary: A web server
architectures: [amd64, armhf, "386"]
services:
  db:
    command: bin/db --dir "a b"
  web:
    command: bin/web
    stop-command: bin/stop
    restart: always
    after: [db]
    environment: {PORT: "8080", EMPTY: ""}
    user: web
    ready: {tcp: "127.0.0.1:8080", timeout: 3s}
    limits: {memory: 256M, tasks: 64, cpu: 150%}
apps:
  shell: {command: /bin/sh -i}
hooks:
  install: {timeout: 20m, user: web}
  check-health: {user: web}
health:
  interval: 10m
  timeout: 5s
  settle: 0s
  bake: 1m30s
  rollup: {quorum: 2}
  revert-on: [blocked, error]
  on-regression: keep
data: {versioned: false}
confinement: none
`

func TestParseReadsEveryKey(t *testing.T) {
	got, err := parse(full)
	if err != nil {
		t.Fatal(err)
	}
	want := &pkginfo.Info{
		Name: "web", Version: "1.4.2", Summary: "A web server", Architectures: []string{"amd64", "armhf", "386"},
		Services: []pkginfo.Service{
			{Name: "db", Command: `bin/db --dir "a b"`, Restart: "on-failure"},
			{
				Name: "web", Command: "bin/web", StopCommand: "bin/stop", Restart: "always", After: []string{"db"},
				Environment: map[string]string{"PORT": "8080", "EMPTY": ""}, User: "web",
				Ready:  &pkginfo.Ready{TCP: "127.0.0.1:8080", Timeout: 3 * time.Second},
				Limits: pkginfo.Limits{Memory: 256 << 20, Tasks: 64, CPU: 150},
			},
		},
		Apps:  []pkginfo.App{{Name: "shell", Command: "/bin/sh -i"}},
		Hooks: map[string]pkginfo.Hook{"install": {Timeout: 20 * time.Minute, User: "web"}, "check-health": {User: "web"}},
		Health: pkginfo.Health{
			Interval: pointer(10 * time.Minute), Timeout: pointer(5 * time.Second), Settle: pointer(time.Duration(0)), Bake: pointer(90 * time.Second),
			Rollup: pkginfo.Rollup{Rule: "quorum", N: 2}, RevertOn: []string{"error", "blocked"}, OnRegression: "keep",
		},
		Confinement: "none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseFillsInTheDefaults(t *testing.T) {
	got, err := parse("name: web\nversion: \"1\"\nservices:\n  web: {command: web, ready: {unix: sock}}\nhealth:\n  # settle: 1m\n")
	if err != nil {
		t.Fatal(err)
	}
	want := &pkginfo.Info{
		Name: "web", Version: "1", Versioned: true,
		Services: []pkginfo.Service{{Name: "web", Command: "web", Restart: "on-failure", Ready: &pkginfo.Ready{Unix: "sock", Timeout: 10 * time.Second}}},
		Health:   pkginfo.Health{Rollup: pkginfo.Rollup{Rule: "worst"}, RevertOn: []string{"error"}, OnRegression: "revert"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRollupCanBeWrittenInFourWays(t *testing.T) {
	for text, want := range map[string]pkginfo.Rollup{
		"worst":       {Rule: "worst"},
		"majority":    {Rule: "majority"},
		"{quorum: 3}": {Rule: "quorum", N: 3},
		`"quorum: 3"`: {Rule: "quorum", N: 3},
	} {
		got, err := parse("name: web\nversion: \"1\"\nhealth: {rollup: " + text + "}\n")
		if err != nil || got.Health.Rollup != want {
			t.Errorf("rollup: %s gives %+v, %v", text, got, err)
		}
	}
}

func TestParseTellsPlaceAndWhatWouldBeRight(t *testing.T) {
	const head = "name: web\nversion: \"1\"\n"
	for text, want := range map[string]string{
		"":                                  `1:1: the manifest is empty; accepted: name, version, …`,
		"# nothing\n":                       `1:1: the manifest is empty; accepted: name, version, …`,
		"- a\n":                             `1:1: a list where a mapping is expected; accepted: apps, architectures, confinement, data, health, hooks, name, services, summary, version`,
		"version: \"1\"\n":                  `1:1: key "name" is missing`,
		"name: web\nversion:\n":             `1:1: key "version" is missing`,
		"name: web\nversion: 1.10\n":        `2:10: "1.10" where a string is expected; accepted: "1.10" in quotes`,
		"name: Web\nversion: \"1\"\n":       `1:7: "Web" is not a package's name: 2 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end`,
		"name: web\nversion: -1\n":          `2:10: "-1" where a string is expected; accepted: "-1" in quotes`,
		"name: web\nversion: 1 2\n":         `2:10: "1 2" is not a version: 1 to 64 of 0-9, A-Z, a-z and . + ~ -, beginning with a letter or digit`,
		head + "sumary: x\n":                `3:1: unknown key "sumary"; did you mean "summary"?; accepted: apps, architectures, confinement, data, health, hooks, name, services, summary, version`,
		head + "Name: x\n":                  `3:1: unknown key "Name"; did you mean "name"?; accepted: apps, architectures, confinement, data, health, hooks, name, services, summary, version`,
		head + "name: x\n":                  `3:1: "name" is given twice: first in line 1`,
		head + "summary: [x]\n":             `3:10: a list where a string is expected`,
		head + "summary: |\n  a\n  b\n":     `3:10: the summary is not one line of at most 256 characters`,
		head + "? [a]\n: b\n":               `3:3: a list where a key is expected`,
		head + "architectures: amd64\n":     `3:16: "amd64" where a list is expected; accepted: a list`,
		head + "architectures: [amd46]\n":   `3:17: unknown architecture "amd46"; did you mean "amd64"?; accepted: 386, amd64, arm, arm64, armel, armhf, i386, loong64, mips, mips64, mips64el, mips64le, mipsel, mipsle, ppc64, ppc64el, ppc64le, riscv64, s390x, all`,
		head + "architectures: [386]\n":     `3:17: "386" where a string is expected; accepted: "386" in quotes`,
		head + "architectures: [all,all]\n": `3:21: architecture "all" is given twice`,
		head + "data: {versioned: yes}\n":   `3:19: "yes" where true or false is expected; accepted: true, false`,
		head + "confinement: strict\n":      `3:14: unknown confinement "strict"; accepted: default, none`,
		head + "a: &x 1\nb: *x\n":           `3:4: anchors and aliases (&, *) are not used here; write the value out`,
		head + "---\nname: x\n":             `3:1: a second document begins here; the file holds one`,
		head + "summary: \"a\n":             `3:1: is not YAML: found unexpected end of stream`,
		"name: web\n\tversion: x\n":         `2:1: is not YAML: found a tab character that violates indentation`,
		"name: w\xff\n":                     `1:8: is not UTF-8 text`,
		head + "services: {a: }\n":          `3:12: service "a" has no command`,
		head + "services: {a: {}}\n":        `3:12: service "a" has no command`,
		head + "services: {a: x}\n":         `3:15: "x" where a mapping is expected; accepted: after, command, environment, limits, ready, restart, stop-command, user`,
		head + "services: {A: {}}\n":        `3:12: "A" is not a name: 1 to 40 of a-z, 0-9 and -, beginning with a letter, without -- and without - at the end`,
		head + "apps: {a: {comand: x}}\n":   "3:8: app \"a\" has no command\nmeta/pkg.yaml:3:12: unknown key \"comand\"; did you mean \"command\"?; accepted: command",

		head + "apps: {a: {command: \"\"}}\n":                                              `3:21: the command is empty`,
		head + "apps: {a: {command: \"x 'y\"}}\n":                                          `3:21: a ' in the command is not closed`,
		head + "apps: {a: {command: ../x}}\n":                                              `3:21: program "../x" is outside of the package`,
		head + "services: {a: {command: x, limits: {ram: 1G}}}\n":                          `3:37: unknown key "ram"; accepted: cpu, memory, tasks`,
		head + "services: {a: {command: x, limits: {memory: 64}}}\n":                       `3:45: "64" is not accepted here; accepted: a number with its unit K, M, G or T, such as 64M or 2G, from 1M to 1024T`,
		head + "services: {a: {command: x, limits: {memory: 1K}}}\n":                       `3:45: "1K" is not accepted here; accepted: a number with its unit K, M, G or T, such as 64M or 2G, from 1M to 1024T`,
		head + "services: {a: {command: x, limits: {memory: 999999999T}}}\n":               `3:45: "999999999T" is not accepted here; accepted: a number with its unit K, M, G or T, such as 64M or 2G, from 1M to 1024T`,
		head + "services: {a: {command: x, limits: {tasks: 0}}}\n":                         `3:44: "0" is not accepted here; accepted: a number from 1 to 4194304`,
		head + "services: {a: {command: x, limits: {cpu: 2}}}\n":                           `3:42: "2" is not accepted here; accepted: percent of one processor, such as 50% or 200%, from 1% to 100000%`,
		head + "services: {a: {command: x, limits: {cpu: 0%}}}\n":                          `3:42: "0%" is not accepted here; accepted: percent of one processor, such as 50% or 200%, from 1% to 100000%`,
		head + "services: {a: {command: x, restart: sometimes}}\n":                         `3:37: unknown restart "sometimes"; accepted: on-failure, always, no`,
		head + "services: {a: {command: x, restart: yes}}\n":                               `3:37: unknown restart "yes"; accepted: on-failure, always, no`,
		head + "services: {a: {command: x, after: [b]}}\n":                                 `3:36: unknown service "b"; did you mean "a"?; accepted: a`,
		head + "services: {a: {command: x, after: [a]}}\n":                                 `3:36: services wait for each other: a after a`,
		head + "services: {a: {command: x, environment: {1A: x}}}\n":                       `3:42: "1A" is not a variable's name: letters, digits and _, not beginning with a digit`,
		head + "services: {a: {command: x, environment: {PKG_DATA: x}}}\n":                 `3:42: variable "PKG_DATA" is pkgd's to set`,
		head + "services: {a: {command: x, environment: {PORT: 80}}}\n":                    `3:48: "80" where a string is expected; accepted: "80" in quotes`,
		head + "services: {a: {command: x, user: \"a b\"}}\n":                              `3:34: "a b" is not a user's name`,
		head + "services: {a: {command: x, ready: {timeout: 3s}}}\n":                       `3:35: ready has 0 conditions where one is expected; accepted: tcp, unix, exec`,
		head + "services: {a: {command: x, ready: {tcp: \"1:2\", exec: y}}}\n":             `3:35: ready has 2 conditions where one is expected; accepted: tcp, unix, exec`,
		head + "services: {a: {command: x, ready: {tcp: \"80\"}}}\n":                       `3:41: "80" is not HOST:PORT, such as 127.0.0.1:8080`,
		head + "services: {a: {command: x, ready: {tcp: \":99999\"}}}\n":                   `3:41: port "99999" is not a number from 1 to 65535`,
		head + "services: {a: {command: x, ready: {unix: s, timeout: 2h}}}\n":              `3:54: "2h" is out of range; accepted: 1ms to 1h`,
		head + "hooks: {instal: {}}\n":                                                     `3:9: unknown key "instal"; did you mean "install"?; accepted: check-health, configure, install, post-refresh, pre-refresh, remove`,
		head + "hooks: {install: {timeout: 61m}}\n":                                        `3:28: "61m" is out of range; accepted: 1ms to 1h`,
		head + "hooks: {install: {timeout: 0s}}\n":                                         `3:28: "0s" is out of range; accepted: 1ms to 1h`,
		head + "hooks: {install: {timeout: 30}}\n":                                         `3:28: "30" is not a duration; accepted: a number with its unit, such as 30s, 5m or 1h30m`,
		head + "hooks: {check-health: {timeout: 3s}}\n":                                    `3:33: the timeout of check-health is set under health; accepted: health: {timeout: …}`,
		head + "health: {settle: 11m}\n":                                                   `3:18: "11m" is out of range; accepted: 0s to 10m`,
		head + "health: {bake: -1s}\n":                                                     `3:16: "-1s" is out of range; accepted: 0s to 10m`,
		head + "health: {interval: 999ms}\n":                                               `3:20: "999ms" is out of range; accepted: 1s to 720h`,
		head + "health: {rollup: best}\n":                                                  `3:18: unknown rollup "best"; accepted: worst, majority, {quorum: N}`,
		head + "health: {rollup: {}}\n":                                                    `3:18: the rollup has no quorum; accepted: quorum`,
		head + "health: {rollup: {quorum: 0}}\n":                                           `3:27: "0" is not accepted here; accepted: a number from 1 to 64`,
		head + "health: {rollup: \"quorum: x\"}\n":                                         `3:18: "x" is not accepted here; accepted: a number from 1 to 64`,
		head + "health: {revert-on: []}\n":                                                 `3:21: revert-on is empty; to never revert, say on-regression: keep; accepted: error, blocked`,
		head + "health: {revert-on: [waiting]}\n":                                          `3:22: unknown status "waiting"; accepted: error, blocked`,
		head + "health: {on-regression: undo}\n":                                           `3:25: unknown value "undo"; accepted: revert, keep`,
		head + "services:\n  a: {command: x, after: [b]}\n  b: {command: x, after: [a]}\n": `5:27: services wait for each other: a after b after a`,
	} {
		_, err := parse(text)
		if got := fmt.Sprint(err); got != "meta/pkg.yaml:"+want {
			t.Errorf("%s\n gives %s\n want meta/pkg.yaml:%s", text, got, want)
		}
	}
}

func TestParseTellsAllProblemsAtOnceInOrder(t *testing.T) {
	_, err := parse("name: W\nservices:\n  a: {command: x, restrt: no}\n  a: {}\nhealth: {settle: x}\n")
	problems, ok := errors.AsType[pkginfo.Problems](err)
	if !ok || len(problems) != 5 {
		t.Fatalf("got %v", err)
	}
	for i, line := range []int{1, 1, 3, 4, 5} {
		if problems[i].Line != line {
			t.Errorf("problem %d is in line %d, want %d: %v", i, problems[i].Line, line, problems[i])
		}
	}
}

func TestParseOfHugeOrNestedFilesEndsSoon(t *testing.T) {
	many := strings.Builder{}
	for i := range 5000 {
		fmt.Fprintf(&many, "k%d: x\n", i)
	}
	cycle := strings.Builder{}
	cycle.WriteString("name: web\nversion: \"1\"\nservices:\n")
	for i := range 256 {
		fmt.Fprintf(&cycle, "  s%d: {command: x, after: [", i)
		for j := range 100 {
			fmt.Fprintf(&cycle, "s%d,", (i+j)%256)
		}
		cycle.WriteString("]}\n")
	}
	for what, text := range map[string]string{
		"too large":      strings.Repeat("#", pkginfo.MaxManifest+1),
		"deep flow":      strings.Repeat("[", pkginfo.MaxManifest),
		"deep mapping":   strings.Repeat("{a: ", pkginfo.MaxManifest/4),
		"deep block":     strings.Repeat("- ", pkginfo.MaxManifest/2),
		"deep keys":      strings.Repeat("? ", pkginfo.MaxManifest/2),
		"many keys":      many.String(),
		"billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "b: &b [*a,*a,*a,*a,*a,*a]\n" + "c: [*b,*b,*b,*b,*b,*b]\n",
		"cycles":         cycle.String(),
		"many services":  "services: {" + strings.Repeat("a: {}, ", 30000) + "}",
	} {
		_, err := parse(text)
		problems, ok := errors.AsType[pkginfo.Problems](err)
		if !ok || len(problems) > 101 || len(err.Error()) > 100_000 {
			t.Errorf("%s: %d problems, %d bytes", what, len(problems), len(fmt.Sprint(err)))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("name: web\nversion: 1\nhealth: {rollup: \"quorum: 2\"}\n"))
	f.Add([]byte("a: &a [*a]\n---\n? {}\n: !!binary x\n"))
	f.Add([]byte("services:\n  a: {after: [b]}\n  b: {after: [a], ready: {tcp: ':0'}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := pkginfo.Parse("x", b)
		if (info == nil) == (err == nil) {
			t.Fatalf("both or neither: %v, %v", info, err)
		}
		problems, ok := errors.AsType[pkginfo.Problems](err)
		if err != nil && !ok {
			t.Fatalf("%T is no Problems", err)
		}
		for _, p := range problems {
			if p.Line > len(b)+2 || p.Text == "" { // YAML knows more ends of lines than \n
				t.Errorf("%+v is not in the file", p)
			}
		}
		if info == nil {
			return
		}
		if pkginfo.ValidName(info.Name) != nil || pkginfo.ValidVersion(info.Version) != nil {
			t.Errorf("took %+v", info)
		}
		for _, s := range info.Services {
			if words, err := pkginfo.SplitCommand(s.Command); err != nil || len(words) == 0 {
				t.Errorf("took command %q: %v", s.Command, err)
			}
		}
	})
}
