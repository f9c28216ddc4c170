package ctlcmd_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/snapctl"
)

func done(stdout string) outcome { return outcome{0, stdout, ""} }

func refused(text string) outcome { return outcome{1, "", "ctl: " + text + "\n"} }

func usage(text string) outcome { return outcome{2, "", "ctl: " + text + "\n"} }

// words splits a command line at spaces; ~ stands for a space inside a word.
func words(line string) []string {
	fields := strings.Fields(line)
	for i, f := range fields {
		fields[i] = strings.ReplaceAll(f, "~", " ")
	}
	return fields
}

func (h *house) expect(line string, want outcome) {
	h.t.Helper()
	if d := cmp.Diff(want, h.ctl(words(line)...)); d != "" {
		h.t.Errorf("ctl %s\n%s", line, d)
	}
}

func (h *house) expectCall(want string) {
	h.t.Helper()
	if d := cmp.Diff([]string{want}, h.backend.heard()); d != "" {
		h.t.Error(d)
	}
}

func TestSetHealthHandsTheWordsOn(t *testing.T) {
	h := newHouse(t)
	for line, want := range map[string]string{
		"set-health active":                              `set-health "active" "" "" []`,
		"set-status okay":                                `set-health "okay" "" "" []`,
		"set-health --code=disk-full error no~space":     `set-health "error" "disk-full" "no space" []`,
		"set-health error no~space --code disk-full":     `set-health "error" "disk-full" "no space" []`,
		"set-health blocked ask --blocker=a --blocker b": `set-health "blocked" "" "ask" ["a" "b"]`,
		"set-health waiting -- --for~it":                 `set-health "waiting" "" "--for it" []`,
		"set-health -- error -":                          `set-health "error" "" "-" []`,
		"set-health error -":                             `set-health "error" "" "-" []`,
	} {
		h.expect(line, done(""))
		h.expectCall(want)
	}
}

func TestAWarningIsPrintedAndTheCallIsDone(t *testing.T) {
	h := newHouse(t)
	h.backend.warning = "say why"
	h.expect("set-health error", outcome{0, "", "ctl: warning: say why\n"})
}

func TestWhatTheBackendRefusesIsOneLineAndExitsOne(t *testing.T) {
	h := newHouse(t)
	h.backend.err = errors.New("cannot do it:\nfirst\r\nsecond")
	h.expect("set-health active", refused("cannot do it:; first; second"))
	h.backend.err = &api.Error{Kind: api.ErrConflict, Message: "package is busy", Hint: "try again after change 7"}
	for _, line := range []string{
		"set-health active", "add-check a passed", "get a", "set a=1", "unset a", "services", "start x", "refresh --pending", "refresh --hold", "refresh --proceed",
	} {
		h.expect(line, refused("package is busy: try again after change 7"))
	}
}

func TestAddCheckReadsItsParts(t *testing.T) {
	h := newHouse(t)
	for line, want := range map[string]string{
		"add-check db passed":                            `add-check "db" "passed" "" qos none data map[]`,
		"add-check db warn slow --qos=0.5":               `add-check "db" "warn" "slow" qos 0.5 data map[]`,
		"add-check db fail gone --data=a=1 --data b=x=y": `add-check "db" "fail" "gone" qos none data map[a:1 b:x=y]`,
		"add-check --qos 0 --data=a= db passed":          `add-check "db" "passed" "" qos 0 data map[a:]`,
	} {
		h.expect(line, done(""))
		h.expectCall(want)
	}
	for line, want := range map[string]string{
		"add-check db passed --qos=2":      `qos "2" is not valid: give a number from 0 to 1`,
		"add-check db passed --qos=NaN":    `qos "NaN" is not valid: give a number from 0 to 1`,
		"add-check db passed --qos=good":   `qos "good" is not valid: give a number from 0 to 1`,
		"add-check db passed --data=alone": `data "alone" is not valid: give KEY=VALUE`,
		"add-check db passed --data==x":    `data "=x" is not valid: give KEY=VALUE`,
	} {
		h.expect(line, refused(want))
	}
	if calls := h.backend.heard(); calls != nil {
		t.Errorf("a malformed check reached the backend: %v", calls)
	}
}

func TestHealthPrintsTheRecord(t *testing.T) {
	h := newHouse(t)
	at, qos := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC), 0.5
	h.backend.record = api.Record{
		Package: "web", Revision: 2, Status: "error", Code: "disk-full", Message: "no space", Since: &at, CheckedAt: &at,
		Source: "hook", QoS: &qos, Blockers: []string{"db", "net"},
		Checks: []api.Check{{Name: "disk", Health: "fail", Message: "full"}, {Name: "cpu", Health: "passed"}},
	}
	h.expect("health", done(`status: error
code: disk-full
message: no space
since: 2030-01-02T03:04:05.000006Z
checked-at: 2030-01-02T03:04:05.000006Z
source: hook
blockers: db, net
qos: 0.5
check: disk fail full
check: cpu passed
`))
	got := h.ctl("health", "--format=json")
	if got.Code != 0 || !strings.HasPrefix(got.Stdout, `{"package":"web","revision":2,"status":"error",`) {
		t.Errorf("%+v", got)
	}
	h.expect("health --format=xml", refused(`format "xml" is not known: use text or json`))
	h.backend.record = api.Record{Package: "web", Status: "unknown"}
	h.expect("health --format text", done("status: unknown\n"))
}

func TestGetPrintsAsSnapctlDoes(t *testing.T) {
	h := newHouse(t)
	h.backend.doc = []byte(`{"name":"a b","port":80,"tls":{"on":true,"mark":"<&>"},"list":[1,"x"]}`)
	for line, want := range map[string]string{
		"get name":                           "a b\n",
		"get port":                           "80\n",
		"get tls.on":                         "true\n",
		"get nothing":                        "\n",
		"get tls.nothing":                    "\n",
		"get tls":                            "{\n\t\"on\": true,\n\t\"mark\": \"<&>\"\n}\n",
		"get list":                           "[\n\t1,\n\t\"x\"\n]\n",
		"get -t name":                        "\"a b\"\n",
		"get -t nothing":                     "null\n",
		"get port -t":                        "80\n",
		"get -d name":                        "{\n\t\"name\": \"a b\"\n}\n",
		"get -d nothing":                     "{}\n",
		"get --document tls.on port nothing": "{\n\t\"port\": 80,\n\t\"tls.on\": true\n}\n",
		"get port name":                      "{\n\t\"name\": \"a b\",\n\t\"port\": 80\n}\n",
		"get -t tls.mark name":               "{\n\t\"name\": \"a b\",\n\t\"tls.mark\": \"<&>\"\n}\n",
	} {
		h.expect(line, done(want))
	}
	h.expect("get name.first", refused(`key "name" is not an object: unset it first to put keys below it`))
	h.expect("get Name", refused(`key "Name" is not valid: use lower-case letters, digits and single dashes, a letter first`))
	h.expect("get -dt name", usage("get: -d and -t exclude each other; usage: ctl get [-d] [-t] KEY…"))
}

func TestSetReadsValuesAsSnapctlDoes(t *testing.T) {
	for line, want := range map[string]string{
		"set port=80":                 `{"port":80}`,
		"set name=a~b on=true":        `{"name":"a b","on":true}`,
		"set tls.on=false tls.port=1": `{"tls":{"on":false,"port":1}}`,
		`set tls={"a":1} tls.b=2`:     `{"tls":{"a":1,"b":2}}`,
		"set eq=a=b empty=":           `{"empty":"","eq":"a=b"}`,
		"set old!":                    `{}`,
		"set old=null":                `{}`,
		"set -s port=80":              `{"old":1,"port":"80"}`,
		`set -t name="x"`:             `{"name":"x","old":1}`,
		"set old=1 old=2":             `{"old":2}`,
	} {
		h := newHouse(t)
		if strings.Contains(want, "old") || strings.Contains(line, "old") {
			h.backend.doc = []byte(`{"old":1}`)
		}
		h.expect(line, done(""))
		if d := cmp.Diff(want, string(h.backend.doc)); d != "" {
			t.Errorf("ctl %s\n%s", line, d)
		}
	}
}

func TestSetRefusesWholeOrNotAtAll(t *testing.T) {
	h := newHouse(t)
	h.expect("set a=1 B=2", refused(`key "B" is not valid: use lower-case letters, digits and single dashes, a letter first`))
	h.expect("set a=1 -t b=word", refused(`key "b": value "word" is not JSON: invalid character 'w' looking for beginning of value`))
	h.expect("set =1", refused(`key is empty: name one such as "ports.http"`))
	h.expect("set a=1 b", usage(`set: "b" has no value; usage: ctl set [-s] [-t] KEY=VALUE…`))
	h.expect("set -st a=1", usage("set: -s and -t exclude each other; usage: ctl set [-s] [-t] KEY=VALUE…"))
	if h.backend.doc != nil {
		t.Errorf("something was set: %s", h.backend.doc)
	}
}

func TestUnsetRemovesKeys(t *testing.T) {
	h := newHouse(t)
	h.backend.doc = []byte(`{"a":1,"b":{"c":2,"d":3}}`)
	h.expect("unset a b.c nothing", done(""))
	if string(h.backend.doc) != `{"b":{"d":3}}` {
		t.Errorf("%s", h.backend.doc)
	}
	h.expect("unset a..b", refused(`key "a..b" has an empty part: put one dot between parts, none at the ends`))
}

func TestServicesPrintsSnapdsTable(t *testing.T) {
	h := newHouse(t)
	h.backend.services = []api.Service{
		{Name: "daemon", State: "active", Enabled: true}, {Name: "cron", State: "inactive"}, {Name: "slow", State: "failed", Enabled: true},
	}
	h.expect("services", done(`Service     Startup   Current   Notes
web.daemon  enabled   active    -
web.cron    disabled  inactive  -
web.slow    enabled   inactive  failed
`))
	h.expect("services web.cron", done("Service   Startup   Current   Notes\nweb.cron  disabled  inactive  -\n"))
	h.backend.services = nil
	h.expect("services", done("Service  Startup  Current  Notes\n"))
}

func TestServiceActionsTakeNamesWithAndWithoutThePackage(t *testing.T) {
	h := newHouse(t)
	h.backend.services = []api.Service{{Name: "daemon"}, {Name: "cron"}}
	for line, want := range map[string]string{
		"start daemon":                   "start [daemon] enable=false disable=false",
		"start --enable web.daemon cron": "start [cron daemon] enable=true disable=false",
		"stop --disable web":             "stop [cron daemon] enable=false disable=true",
		"restart cron web.cron":          "restart [cron] enable=false disable=false",
	} {
		h.expect(line, done(""))
		h.expectCall(want)
	}
	for line, want := range map[string]string{
		"start deamon":    `package "web" has no service "deamon": did you mean daemon?`,
		"stop db.daemon":  `service "db.daemon" belongs to package "db": ctl reaches its own package (web) only`,
		"services nobody": `package "web" has no service "nobody": its services are daemon, cron`,
	} {
		h.expect(line, refused(want))
	}
	h.backend.services = nil
	h.expect("start x", refused(`package "web" has no service "x": it has none`))
	h.expect("stop web", refused(`package "web" has no services to stop`))
}

func TestRefreshAsksHoldsAndProceeds(t *testing.T) {
	h := newHouse(t)
	h.backend.pending = "pending: none\n"
	h.expect("refresh --pending", done("pending: none\n"))
	for line, want := range map[string]string{
		"refresh --hold":     "hold 48h0m0s",
		"refresh --hold=90m": "hold 1h30m0s",
		"refresh --proceed":  "proceed",
	} {
		h.expect(line, done(""))
		h.expectCall(want)
	}
	h.expect("refresh --pending --proceed", done("pending: none\n"))
	h.expectCall("proceed")
	for _, bad := range []string{"49h", "-1h", "0s", "long"} {
		h.expect("refresh --hold="+bad, refused(`hold of "`+bad+`" is not valid: give a duration up to 48h, such as 6h or 90m`))
	}
}

func TestVersionAndHelpAnswer(t *testing.T) {
	h := newHouse(t)
	h.expect("version", done("1.2.3\n"))
	for _, line := range []string{"help", "get --help"} {
		if got := h.ctl(words(line)...); got.Code != 0 || got.Stdout == "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

func TestWrongUsageExitsTwoAndNamesTheNearestWord(t *testing.T) {
	h := newHouse(t)
	const dash = "; put -- before an argument that begins with a dash"
	for line, want := range map[string]string{
		"":                                   "no command given: ctl help lists them",
		"set-healt active":                   `unknown command "set-healt": did you mean set-health?`,
		"xyzzy":                              `unknown command "xyzzy": ctl help lists them`,
		"help xyzzy":                         `unknown command "xyzzy": ctl help lists them`,
		"help get set":                       `help: surplus argument "set" (quote what belongs together); usage: ctl help [COMMAND]`,
		"set-health":                         "set-health: missing argument; usage: ctl set-health [--code=CODE] [--blocker=NAME]… STATUS [MESSAGE]",
		"set-health error a b":               `set-health: surplus argument "b" (quote what belongs together); usage: ctl set-health [--code=CODE] [--blocker=NAME]… STATUS [MESSAGE]`,
		"set-health error --cod=x":           `set-health: unknown option "--cod": did you mean --code?`,
		"set-health error --code":            "set-health: option --code needs a value: --code=CODE",
		"set-health error -5":                `set-health: unknown option "-5": ctl set-health --help lists them` + dash,
		"set-health error --code=a --code=b": "set-health: option --code is given twice",
		"add-check a":                        "add-check: missing argument; usage: ctl add-check [--qos=0..1] [--data=KEY=VALUE]… NAME passed|warn|fail [MESSAGE]",
		"get":                                "get: missing argument; usage: ctl get [-d] [-t] KEY…",
		"set":                                "set: missing argument; usage: ctl set [-s] [-t] KEY=VALUE…",
		"unset":                              "unset: missing argument; usage: ctl unset KEY…",
		"start":                              "start: missing argument; usage: ctl start [--enable] NAME…",
		"start --enable=yes a":               "start: option --enable takes no value",
		"restart --now a":                    `restart: unknown option "--now": ctl restart --help lists them` + dash,
		"version x":                          `version: surplus argument "x" (quote what belongs together); usage: ctl version`,
		"health x":                           `health: surplus argument "x" (quote what belongs together); usage: ctl health [--format=text|json]`,
		"refresh":                            "refresh: missing option; usage: ctl refresh [--pending] [--hold[=DURATION]] [--proceed]",
		"refresh --hold --proceed":           "refresh: --hold and --proceed exclude each other",
		"refresh --hold 6h":                  `refresh: surplus argument "6h" (quote what belongs together); usage: ctl refresh [--pending] [--hold[=DURATION]] [--proceed]`,
	} {
		h.expect(line, usage(want))
	}
}

func TestEveryKnownCommandDoesSomething(t *testing.T) {
	h := newHouse(t)
	for _, c := range snapctl.Commands() {
		args := []string{c.Name}
		for range c.Min {
			args = append(args, "a")
		}
		if got := h.ctl(args...); strings.Contains(got.Stderr, "internal error") {
			t.Errorf("%v: %s", args, got.Stderr)
		}
	}
}
