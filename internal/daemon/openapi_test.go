package daemon_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
)

func TestEveryRouteIsDescribedAndEveryDescribedRouteIsServed(t *testing.T) {
	d := readDocument(t)
	var described []daemon.RouteInfo
	for path := range d.at("paths") {
		for method, op := range d.at("paths", path) {
			if method == "parameters" {
				continue
			}
			described = append(described, daemon.RouteInfo{
				Method: strings.ToUpper(method), Path: path, Params: paramsOf(op.(map[string]any)),
				Access: op.(map[string]any)["x-access"].(string),
			})
		}
	}
	if diff := cmp.Diff(sorted(daemon.Routes()), sorted(described)); diff != "" {
		t.Errorf("served (-), described (+):\n%s", diff)
	}
}

func paramsOf(op map[string]any) string {
	var names []string
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		names = append(names, p.(map[string]any)["name"].(string))
	}
	return strings.Join(names, ",")
}

func sorted(all []daemon.RouteInfo) []daemon.RouteInfo {
	slices.SortFunc(all, func(a, b daemon.RouteInfo) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return all
}

func TestEveryErrorKindIsDescribed(t *testing.T) {
	d := readDocument(t)
	for _, kind := range []api.ErrorKind{
		api.ErrBadRequest, api.ErrBadPackage, api.ErrForbidden, api.ErrNotFound, api.ErrNotInstalled,
		api.ErrAlreadyInstalled, api.ErrConflict, api.ErrRefused, api.ErrHeld, api.ErrNoRevision, api.ErrUnset,
		api.ErrNoSpace, api.ErrStore, api.ErrStopping, api.ErrBusy, api.ErrInternal,
	} {
		v := map[string]any{"kind": string(kind), "message": "x"}
		if wrong := d.check(d.at("components", "schemas", "Error"), v, "error"); wrong != "" {
			t.Error(wrong)
		}
	}
}

// bodies are requests that the operations of these names accept.
var bodies = map[string]string{
	"changePackages": `{"action":"refresh","targets":["web"]}`,
	"changePackage":  `{"action":"refresh"}`,
	"changeData":     `{"action":"drop","id":"1"}`,
	"changeChange":   `{"action":"abort"}`,
	"checkHealth":    `{"verbose":true}`,
	"checkPackage":   `{"verbose":true}`,
	"setConfig":      `{"port":80}`,
	"changeServices": `{"action":"start","names":["web"]}`,
	"okayWarnings":   `{"action":"okay"}`,
	"exec":           `{"package":"web","app":"sh"}`,
}

func TestAnswersAreAsDescribed(t *testing.T) {
	full := newFake()
	fill(reflect.ValueOf(&full.made).Elem(), 3)
	full.made.config = json.RawMessage(`{"port":80}`)
	nothing := newFake()
	nothing.made.change, nothing.made.config = "7", json.RawMessage("null")
	nothing.made.host.Level, nothing.made.system.Services = "UNKNOWN", "embedded"
	nothing.made.info.Package.Status = "unknown"
	nothing.made.records = []api.Record{{Package: "web", Status: "unknown", Blockers: []string{}, Checks: []api.Check{}}}
	for name, f := range map[string]*fake{"full": full, "nothing": nothing} {
		t.Run(name, func(t *testing.T) {
			d, h := readDocument(t), startWith(t, f, nil)
			for path := range d.at("paths") {
				for _, method := range []string{"get", "post"} {
					if op := d.at("paths", path, method); op != nil {
						checkAnswer(h, d, method, path, op, name == "full")
					}
				}
			}
		})
	}
}

func checkAnswer(h *house, d *document, method, path string, op map[string]any, full bool) {
	h.t.Helper()
	id := op["operationId"].(string)
	if id == "getEvents" {
		return // does not end; see the tests of events
	}
	url := strings.NewReplacer("{name}", "web", "{id}", "7", "{what}", "metrics-lite").Replace(path)
	if id == "debug" {
		url = "/v1/debug/goroutines"
	}
	resp, b := h.ask(strings.ToUpper(method), url, bodies[id])
	status, kind := resp.Status[:3], resp.Header.Get("Content-Type")
	schema := d.at("paths", path, method, "responses", status, "content", kind, "schema")
	if schema == nil {
		h.t.Errorf("%s: answered %s %s, which is not described: %s", id, status, kind, b)
		return
	}
	if len(b) == 0 && kind == "application/x-ndjson" {
		return
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		h.t.Errorf("%s: %v", id, err)
		return
	}
	if wrong := d.check(schema, v, id); wrong != "" {
		h.t.Errorf("%s\nin %.300s", wrong, b)
	}
	if unused := d.unused(schema, v, id); full && unused != nil {
		h.t.Errorf("described and not served: %v", unused)
	}
}

func TestRequestsHaveTheFieldsDescribed(t *testing.T) {
	d := readDocument(t)
	for name, shape := range map[string]any{
		"PackageRequest": &api.PackageRequest{}, "DataRequest": &api.DataRequest{}, "ChangeRequest": &api.ChangeRequest{},
		"HealthRequest": &api.HealthRequest{}, "ServiceRequest": &api.ServiceRequest{},
		"WarningsRequest": &api.WarningsRequest{}, "ExecRequest": &api.ExecRequest{},
		"Change": &api.Change{}, "TaskEvent": &api.TaskEvent{}, "Transition": &api.Transition{}, "Event": &api.Event{},
	} {
		fill(reflect.ValueOf(shape).Elem(), 2)
		b, err := json.Marshal(shape)
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		known := d.at("components", "schemas", name, "properties")
		for key := range v {
			if _, ok := known[key]; !ok {
				t.Errorf("%s: %q is not described", name, key)
			}
		}
		for key := range known {
			if _, ok := v[key]; !ok {
				t.Errorf("%s: %q is described and does not exist", name, key)
			}
		}
	}
}

func TestParametersAreTakenAsDescribedAndOthersRefused(t *testing.T) {
	d, f := readDocument(t), newFake()
	f.made.records = []api.Record{{Package: "web", Status: "active"}}
	h := startWith(t, f, nil)
	examples := map[string]string{
		"select": "ready", "package": "web", "timeout": "0.5", "names": "web", "n": "3", "keys": "a,b.c", "follow": "false", "types": "task",
	}
	for path := range d.at("paths") {
		op := d.at("paths", path, "get")
		if op == nil || op["operationId"] == "getEvents" {
			continue
		}
		url := strings.NewReplacer("{name}", "web", "{id}", "7", "{what}", "goroutines").Replace(path)
		params, _ := op["parameters"].([]any)
		for _, p := range params {
			name := p.(map[string]any)["name"].(string)
			if resp, b := h.ask("GET", url+"?"+name+"="+examples[name], ""); resp.StatusCode != http.StatusOK {
				t.Errorf("%s?%s: %s", url, name, b)
			}
		}
		if status, refusal := h.refused("GET", url+"?nonsense=1", ""); status != 400 || !strings.Contains(refusal.Message, "nonsense") {
			t.Errorf("%s?nonsense=1: %d %s", url, status, refusal.Message)
		}
	}
}

// fill sets every field below v to something that is not zero and that the
// description accepts; depth bounds what contains itself.
func fill(v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2024, 5, 1, 12, 0, 0, 123456789, time.UTC)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{}`)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillField(v, i, depth)
		}
	case reflect.Pointer:
		if depth == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth-1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth)
		fill(value, depth)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("web")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	default:
		v.Set(reflect.ValueOf(1).Convert(v.Type()))
	}
}

// choices are the fields whose values are words of a list.
var choices = map[string]string{
	"Record.Status": "active", "Package.Status": "active", "Record.Source": "hook", "Record.Health": "passed",
	"Record.Phase": "rest", "Check.Health": "passed", "Health.Level": "OK", "Service.State": "active",
	"RevisionInfo.State": "kept", "PlanItem.Action": "refresh", "Why.Outcome": "reverted", "System.Services": "embedded",
}

func fillField(v reflect.Value, i, depth int) {
	field := v.Field(i)
	if !field.CanSet() {
		field = reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
	}
	word, ok := choices[v.Type().Name()+"."+v.Type().Field(i).Name]
	switch {
	case ok && field.Kind() == reflect.Pointer:
		field.Set(reflect.ValueOf(&word))
	case ok:
		field.SetString(word)
	default:
		fill(field, depth)
	}
}
