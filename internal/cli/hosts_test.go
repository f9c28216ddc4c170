package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/remote/remotetest"
)

const (
	wellThere = `echo '{"level":"OK","counts":{"active":1},"new-key":[1,2],"packages":[
 {"package":"web","revision":1,"status":"active","code":"","message":"","since":"2026-07-20T12:00:00Z","newer":true}]}'`
	brokenThere = `echo '{"level":"FAULT","counts":{"error":1},"packages":[
 {"package":"web","revision":2,"status":"error","code":"disk-full","message":"no space","since":"2026-07-29T11:00:00Z"}]}'; exit 2`
)

// someHosts is a person with an ssh that knows a few hosts.
func someHosts(t *testing.T) *person {
	ssh := remotetest.New(t)
	ssh.Host("well", wellThere)
	ssh.Host("broken", brokenThere)
	ssh.Host("down", `echo "ssh: connect to host down port 22: Connection refused" >&2; exit 255`)
	p := newPerson(t, shortDir(t))
	p.env["PATH"] = ssh.Dir
	return p
}

func TestSeveralHostsInJSONHaveAllThatEachOfThemSays(t *testing.T) {
	p := someHosts(t)
	r := p.types("health", "--host=well", "--host=down", "--host=broken", "--format=json")
	var got api.Hosts
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 2 {
		t.Fatalf("%v, exit %d: %s", err, r.code, r.stdout)
	}
	if got.Level != "FAULT" || got.Counts["active"] != 1 || got.Counts["error"] != 1 {
		t.Errorf("level %s, counts %v", got.Level, got.Counts)
	}
	if len(got.Packages) != 1 || got.Packages[0].Host != "broken" || got.Packages[0].Code != "disk-full" {
		t.Errorf("packages %+v", got.Packages)
	}
	if diff := cmp.Diff(map[string]int{"active": 1, "error": 1}, got.Packages[0].Hosts); diff != "" {
		t.Error(diff)
	}
	var order, errors []string
	for _, h := range got.Hosts {
		order, errors = append(order, h.Host), append(errors, h.Error)
	}
	if diff := cmp.Diff([]string{"broken", "down", "well"}, order); diff != "" {
		t.Errorf("worst first: %s", diff)
	}
	if diff := cmp.Diff([]string{"", "did not answer: connect to host down port 22: Connection refused", ""}, errors); diff != "" {
		t.Error(diff)
	}
	if down := got.Hosts[1]; down.Answered || string(down.Report) != "null" || down.Level != "UNKNOWN" {
		t.Errorf("down: %+v", down)
	}
	var report map[string]any
	if err := json.Unmarshal(got.Hosts[2].Report, &report); err != nil || report["new-key"] == nil {
		t.Errorf("%v: what a newer pkgd says is lost: %v", err, report)
	}
}

func TestSeveralHostsInYAMLSayTheSameAsInJSON(t *testing.T) {
	p := someHosts(t)
	args := []string{"check", "--host=well", "--host=broken"}
	var fromJSON, fromYAML map[string]any
	if err := json.Unmarshal([]byte(p.types(append(args, "--format=json")...).stdout), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(p.types(append(args, "--format=yaml")...).stdout), &fromYAML); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(again, &back); err != nil {
		t.Fatal(err)
	}
	timeless := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["elapsed"]` }, cmp.Ignore())
	if diff := cmp.Diff(fromJSON, back, timeless); diff != "" {
		t.Error(diff)
	}
}

func TestARootThatWasTypedIsTheOneOverThere(t *testing.T) {
	ssh := remotetest.New(t)
	asked := filepath.Join(t.TempDir(), "asked")
	ssh.Host("there", `echo "$COMMAND" >>`+asked+`; `+wellThere)
	p := newPerson(t, shortDir(t)) // $PKGD_ROOT is set here
	p.env["PATH"] = "relative:" + ssh.Dir
	p.types("health", "--host=there")
	p.types("check", "--root=/srv/my root", "--host=there", "web")
	want := "pkgd health --format=json\npkgd '--root=/srv/my root' check --format=json -- web\n"
	if got, _ := os.ReadFile(asked); string(got) != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestWithoutSSHOtherHostsCannotBeAsked(t *testing.T) {
	p := newPerson(t, shortDir(t))
	p.env["PATH"] = t.TempDir()
	r := p.types("health", "--host=web1")
	want := "error: cannot ask other hosts: there is no ssh in $PATH\n  install OpenSSH's client: apt-get install openssh-client\n"
	if r.code != 3 || r.stderr != want {
		t.Errorf("%+v", r)
	}
}
