package hostile

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/api"
)

// Who may ask what, as the design has it.
type right int

const (
	anyone right = iota
	admin
	owner
)

// row is what a request of an operation gets: who may make it, with which
// parameters and body, and what they then get. What is asked can be asked again
// and again.
type row struct {
	who    right
	params string
	body   string
	status int
}

// rows are the operations of the OpenAPI file by their ids, each with who may use
// it as the contract says: any local user reads health and lists, configuration
// and output are for admins, and so is every change.
var rows = map[string]row{
	"listPackages":   {anyone, "", "", 200},
	"changePackages": {admin, "", `{"action":"hold","targets":["web"],"for":60}`, 200},
	"getPackage":     {anyone, "", "", 200},
	"changePackage":  {admin, "", `{"action":"unhold"}`, 200},
	"why":            {anyone, "", "", 200},
	"listData":       {admin, "", "", 200},
	"changeData":     {admin, "", `{"action":"drop","id":"nothing"}`, 404},
	"listChanges":    {anyone, "?select=all", "", 200},
	"getChange":      {anyone, "", "", 200},
	"changeChange":   {admin, "", `{"action":"abort"}`, 409},
	"waitChange":     {anyone, "?timeout=1", "", 200},
	"getHealth":      {anyone, "", "", 200},
	"checkHealth":    {admin, "", `{"names":["web"],"verbose":true}`, 200},
	"getRecord":      {anyone, "", "", 200},
	"checkPackage":   {admin, "", `{"verbose":true}`, 200},
	"getHistory":     {anyone, "?n=100", "", 200},
	"getConfig":      {admin, "", "", 200},
	"setConfig":      {admin, "", `{"port":80}`, 202},
	"listServices":   {anyone, "", "", 200},
	"changeServices": {admin, "", `{"action":"start","names":["web"]}`, 202},
	"getLogs":        {admin, "?n=100", "", 200},
	"listWarnings":   {anyone, "", "", 200},
	"okayWarnings":   {admin, "", `{"action":"okay"}`, 200},
	"getEvents":      {anyone, "", "", 200},
	"exec":           {admin, "", `{"package":"web","app":"tool"}`, 200},
	"getSystem":      {anyone, "", "", 200},
	"debug":          {owner, "", "", 200},
}

// operation is one of the OpenAPI file.
type operation struct {
	id   string
	path string // with its names put in
	request
}

// operations reads all that the daemon offers.
func operations(t *testing.T, change string) (all []operation) {
	t.Helper()
	b, err := os.ReadFile("../../docs/reference/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("{name}", "web", "{id}", change, "{what}", "metrics-lite")
	for path, methods := range doc.Paths {
		for method, node := range methods {
			var op struct {
				ID string `yaml:"operationId"`
			}
			if method == "parameters" {
				continue
			}
			if err := node.Decode(&op); err != nil {
				t.Fatal(err)
			}
			path := names.Replace(path)
			all = append(all, operation{op.ID, path, request{strings.ToUpper(method), path + rows[op.ID].params, rows[op.ID].body}})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.Method, b.path+b.Method) })
	return all
}

func TestEveryOperationHasItsRow(t *testing.T) {
	described := map[string]bool{}
	for _, op := range operations(t, "1") {
		described[op.id] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(described)), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("described (-), with a row here (+):\n%s", diff)
	}
}

// TestEveryoneMayDoWhatTheyMay asks everything as everybody: each answer is what
// the contract gives that peer, no answer tells a secret to who is no admin, and
// what was refused has changed nothing.
func TestEveryoneMayDoWhatTheyMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := -1
	if os.Geteuid() == 0 {
		group = w.withGroup()
	}
	w.furnish()
	chgs, err := w.Client.Changes(w.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := operations(t, chgs[0].ID)
	for _, c := range w.classes(group) {
		t.Run(c.name, func(t *testing.T) {
			if c.admin {
				w.askInTurn(t, c, all)
				return
			}
			before := w.state()
			for i, got := range c.ask(w.Dirs.AdminSocket(), requests(all)) {
				c.check(t, all[i], got)
			}
			if after := w.state(); after != before {
				t.Errorf("something has changed: %s", cmp.Diff(before, after))
			}
		})
	}
}

// askInTurn waits after each request until what it began is done: one change of a
// package at a time.
func (w *world) askInTurn(t *testing.T, c class, all []operation) {
	t.Helper()
	for _, op := range all {
		for _, got := range c.ask(w.Dirs.AdminSocket(), []request{op.request}) {
			c.check(t, op, got)
		}
		w.settle()
	}
}

func requests(all []operation) (asked []request) {
	for _, op := range all {
		asked = append(asked, op.request)
	}
	return asked
}

// check compares an answer with what the row gives this class.
func (c class) check(t *testing.T, op operation, got answer) {
	t.Helper()
	r, want := rows[op.id], 403
	if r.who == anyone || c.admin && r.who == admin || c.owner {
		want = r.status
	}
	if got.Status != want {
		t.Errorf("%s (%s %s): %d, want %d: %.300s", op.id, op.Method, op.Path, got.Status, want, got.Body)
	}
	if !c.admin && strings.Contains(got.Body, secret) {
		t.Errorf("%s tells a secret: %s", op.id, got.Body)
	}
}

// state is what requests could have changed; what a run of a hook by itself
// changes is not in it.
func (w *world) state() string {
	w.t.Helper()
	var all []any
	add := func(v any, err error) {
		if err != nil {
			w.t.Fatalf("%v\n%s", err, w.Log.String())
		}
		all = append(all, v)
	}
	ctx := w.Context()
	add(w.Client.Packages(ctx))
	add(w.Client.Package(ctx, "web"))
	add(w.Client.Changes(ctx))
	add(w.Client.Services(ctx, nil))
	add(w.Client.Warnings(ctx))
	add(w.Client.Config(ctx, "web", nil))
	add(w.Client.Data(ctx, "web"))
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	return remaining.ReplaceAllString(string(b), "")
}

// remaining are times that are told as what is left from now.
var remaining = regexp.MustCompile(`"(refused-|held-)?until": "[^"]*"`)

// settle waits until no change is under way.
func (w *world) settle() {
	w.t.Helper()
	chgs, err := w.Client.Changes(w.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, chg := range chgs {
		if _, err := w.Client.WaitChange(w.Context(), chg.ID); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestTheOtherSocketsTakeNoCommands asks everything where it does not belong.
func TestTheOtherSocketsTakeNoCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	before := w.state()
	for _, op := range operations(t, "1") {
		for name, dial := range map[string]dial{
			"ctl": dialer("unix", w.Dirs.CtlSocket(), ""), "health": dialer("unix", w.health, ""), "TCP": dialer("tcp", w.probes, ""),
		} {
			got, err := exchange(dial, op.request)
			if err != nil || got.Status != 404 && got.Status != 405 || strings.Contains(got.Body, secret) {
				t.Errorf("%s: %s %s: %d %v %s", name, op.Method, op.Path, got.Status, err, got.Body)
			}
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "CONNECT", "TRACE", "BREW"} {
		for _, op := range operations(t, "1") {
			got, err := exchange(dialer("unix", w.Dirs.AdminSocket(), ""), request{method, op.path, rows[op.id].body})
			if err != nil || got.Status != 405 && got.Status != 400 {
				t.Errorf("%s %s: %d %v %s", method, op.path, got.Status, err, got.Body)
			}
		}
	}
	if after := w.state(); after != before {
		t.Errorf("something has changed: %s", cmp.Diff(before, after))
	}
}

// TestNobodySpeaksForAPackageThatIsNotTheirs tries the ctl socket without a
// cookie, with a wrong one, and with one that was stolen.
func TestNobodySpeaksForAPackageThatIsNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	x, err := w.Client.Exec(w.Context(), api.ExecRequest{Package: "web", App: "tool"})
	if err != nil {
		t.Fatal(err)
	}
	cookie := cookieOf(x.Env)
	before := w.state()
	for name, try := range map[string]struct {
		as     func(string, []request) []answer
		cookie string
		exit   int
	}{
		"its own":        {w.classes(-1)[0].ask, cookie, 0},
		"none":           {w.classes(-1)[0].ask, "", 1},
		"a guess":        {w.classes(-1)[0].ask, strings.Repeat("A", len(cookie)), 1},
		"another's user": {w.stranger(), cookie, 1},
		"too long":       {w.classes(-1)[0].ask, strings.Repeat("A", 1<<16), 1},
	} {
		if try.as == nil {
			continue
		}
		body, err := json.Marshal(api.CtlRequest{Cookie: try.cookie, Args: []string{"set", "port=80"}})
		if err != nil {
			t.Fatal(err)
		}
		var said api.CtlResponse
		got := try.as(w.Dirs.CtlSocket(), []request{{"POST", "/v1/ctl", string(body)}})[0]
		if err := json.Unmarshal([]byte(got.Body), &said); err != nil || said.ExitCode != try.exit {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		if changed := w.state() != before; changed != (try.exit == 0) {
			t.Errorf("%s: changed is %v", name, changed)
		}
		before = w.state()
	}
}

// stranger asks as another user, where this one can be others.
func (w *world) stranger() func(string, []request) []answer {
	for _, c := range w.classes(-1) {
		if c.name == "plain user" {
			return c.ask
		}
	}
	return nil
}

func cookieOf(env []string) string {
	for _, e := range env {
		if cookie, ok := strings.CutPrefix(e, "PKG_COOKIE="); ok {
			return cookie
		}
	}
	return ""
}
