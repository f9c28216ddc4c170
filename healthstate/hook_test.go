package healthstate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/overlord/state"
)

// yard is a manager on a real runner, whose hooks are real scripts and reach a
// real ctl.
type yard struct {
	*healthstate.Manager
	dirs dirs.Dirs
	log  *bytes.Buffer
}

func openYard(t *testing.T) *yard {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	d, err := dirs.New(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{d.Run(), d.Lib()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	y := &yard{dirs: d, log: &bytes.Buffer{}}
	r, err := hookrunner.New(hookrunner.Options{Dirs: d, Log: slog.New(slog.DiscardHandler), CtlPath: buildCtl(t, root)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	serveCtl(t, d.CtlSocket(), r.Contexts())
	st, err := state.Open(d.State(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	y.Manager = healthstate.NewManager(st, r, nil, healthstate.Options{Log: slog.New(slog.NewJSONHandler(y.log, nil))})
	t.Cleanup(y.Stop)
	return y
}

// buildCtl builds the real ctl.
func buildCtl(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ctl")
	if out, err := exec.Command("go", "build", "-o", path, "pkgd.io/pkgd/cmd/ctl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// serveCtl answers set-health and add-check on the ctl socket.
func serveCtl(t *testing.T, socket string, contexts *hookrunner.Contexts) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req api.CtlRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		resp := api.CtlResponse{}
		if err := obey(contexts, req); err != nil {
			resp = api.CtlResponse{ExitCode: 1, Stderr: "ctl: " + err.Error() + "\n"}
		}
		_ = json.NewEncoder(w).Encode(resp)
	})}
	var done sync.WaitGroup
	done.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		srv.Close()
		done.Wait()
	})
}

func obey(contexts *hookrunner.Contexts, req api.CtlRequest) error {
	c, err := contexts.Lookup(req.Cookie, uint32(os.Geteuid()))
	if err != nil {
		return err
	}
	args := append(req.Args, "", "", "")
	if args[0] == "add-check" {
		return healthstate.AddCheck(c, args[1], args[2], args[3], nil, nil)
	}
	code := strings.TrimPrefix(args[3], "--code=")
	_, err = healthstate.SetHealth(c, args[1], code, args[2], nil)
	return err
}

// pack makes a package with these scripts, keyed by their paths below meta.
func (y *yard) pack(t *testing.T, name string, scripts map[string]string) healthstate.Target {
	t.Helper()
	tgt := healthstate.Target{Timeout: 20 * time.Second}
	tgt.Name, tgt.Revision, tgt.Version = name, 1, "1.0"
	tgt.Root, tgt.Data, tgt.Common = y.dirs.Revision(name, 1), y.dirs.DataRevision(name, 1), y.dirs.DataCommon(name)
	for _, dir := range []string{tgt.Root, tgt.Data, tgt.Common} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range scripts {
		full := filepath.Join(tgt.Root, "meta", path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
		tgt.Hook = tgt.Hook || path == "hooks/check-health"
		tgt.Plugins = tgt.Plugins || strings.HasPrefix(path, "health.d/")
	}
	return tgt
}

func TestRealHooks(t *testing.T) {
	y := openYard(t)
	tests := map[string]struct {
		scripts map[string]string
		rollup  pkginfo.Rollup
		timeout time.Duration
		want    string
		message string
		checks  string
		failed  bool
	}{
		"says active":  {scripts: map[string]string{"hooks/check-health": "ctl set-health active"}, want: "active"},
		"says okay":    {scripts: map[string]string{"hooks/check-health": "snapctl set-health okay"}, want: "active"},
		"says nothing": {scripts: map[string]string{"hooks/check-health": "true"}, want: "unknown pkgd-no-health-set"},
		"says error": {
			scripts: map[string]string{"hooks/check-health": `ctl set-health error "Disk is full" --code=disk-full`},
			want:    "error disk-full", message: "Disk is full",
		},
		"fails": {
			scripts: map[string]string{"hooks/check-health": "echo first >&2; echo No such table >&2; exit 3"},
			want:    "error pkgd-hook-failed", message: "exited with status 3: No such table", failed: true,
		},
		"says waiting and fails: its own words stand": {
			scripts: map[string]string{"hooks/check-health": `ctl set-health waiting "for the database"; exit 1`},
			want:    "waiting", message: "for the database", failed: true,
		},
		"says active and fails": {
			scripts: map[string]string{"hooks/check-health": "ctl set-health active; echo oops >&2; exit 1"},
			want:    "error pkgd-hook-failed", message: "exited with status 1: oops", failed: true,
		},
		"hangs": {
			scripts: map[string]string{"hooks/check-health": `ctl set-health waiting "for the database"; sleep 600`},
			timeout: 500 * time.Millisecond,
			want:    "error pkgd-hook-timeout", message: "did not end within 500ms; it had said waiting: for the database", failed: true,
		},
		"reports checks and sets no status": {
			scripts: map[string]string{"hooks/check-health": "ctl add-check disk passed; ctl add-check net fail unreachable"},
			want:    "error pkgd-check-failed", message: "net: unreachable", checks: "disk=passed net=fail",
		},
		"has plug-ins beside it, and the majority is well": {
			scripts: map[string]string{
				"hooks/check-health": "ctl add-check disk passed",
				"health.d/http":      "echo 'HTTP OK | time=0.01s'; exit 0",
				"health.d/procs":     "echo 'PROCS CRITICAL: 0 processes'; exit 2",
			},
			rollup: pkginfo.Rollup{Rule: "majority"},
			want:   "active", checks: "disk=passed http=passed procs=fail",
		},
		"has plug-ins only": {
			scripts: map[string]string{"health.d/http": "echo HTTP OK", "health.d/load": "echo LOAD WARNING; exit 1", "health.d/odd": "exit 3"},
			want:    "active", checks: "http=passed load=warn odd=warn",
		},
		"has a plug-in that hangs": {
			scripts: map[string]string{"hooks/check-health": "true", "health.d/http": "sleep 600"}, timeout: 500 * time.Millisecond,
			want: "error pkgd-check-failed", message: "http: did not end within 500ms", checks: "http=fail",
		},
		"cannot be run": {
			scripts: map[string]string{"hooks/check-health": "exec /nowhere/at-all"},
			want:    "error pkgd-hook-failed", failed: true,
		},
	}
	n := 0
	for name, tt := range tests {
		n++
		t.Run(name, func(t *testing.T) {
			tgt := y.pack(t, fmt.Sprintf("p%d", n), tt.scripts)
			tgt.Rollup = tt.rollup
			if tt.timeout > 0 {
				tgt.Timeout = tt.timeout
			}
			y.Track(tgt)
			defer y.Untrack(tgt.Name)
			o, err := y.RunOnce(t.Context(), tgt, hookrunner.PhaseManual)
			if err != nil {
				t.Fatal(err)
			}
			if got := word(o.Record); got != tt.want || tt.message != "" && o.Record.Message != tt.message {
				t.Errorf("%s %q, want %s %q", got, o.Record.Message, tt.want, tt.message)
			}
			var checks []string
			for _, c := range o.Record.Checks {
				checks = append(checks, c.Name+"="+c.Health)
			}
			if got := strings.Join(checks, " "); got != tt.checks {
				t.Errorf("checks %q, want %q", got, tt.checks)
			}
			if o.Failed != tt.failed {
				t.Errorf("failed: %v", o.Failed)
			}
		})
	}
}

func TestARunIsOneStructuredLogRecord(t *testing.T) {
	y := openYard(t)
	tgt := y.pack(t, "web", map[string]string{"hooks/check-health": "exit 3"})
	y.Track(tgt)
	if _, err := y.Check(t.Context(), []string{"web"}, hookrunner.PhaseManual); err != nil {
		t.Fatal(err)
	}
	y.Stop()
	var line map[string]any
	d := json.NewDecoder(y.log)
	if err := d.Decode(&line); err != nil {
		t.Fatal(err)
	}
	if _, ok := line["duration"].(float64); !ok {
		t.Errorf("no duration: %v", line)
	}
	delete(line, "time")
	delete(line, "duration")
	want := map[string]any{
		"level": "INFO", "msg": "health run", "package": "web", "revision": 1.0, "phase": "manual",
		"status": "error", "code": "pkgd-hook-failed", "exit": 3.0,
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
	if err := d.Decode(&line); err != io.EOF {
		t.Errorf("a second line: %v", line)
	}
}

func TestTheLogTellsOnlyOfRunsAtRestThatSaySomethingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := healthstate.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}
		h := build(t, inTurn(active, active, active, broken, broken, active), o)
		h.Track(target("web", 1))
		h.start(t)
		pass(24 * time.Hour)
		h.Stop()
		var told []string
		for line := range strings.Lines(log.String()) {
			_, rest, _ := strings.Cut(line, "status=")
			told = append(told, strings.Fields(rest)[0])
		}
		if diff := cmp.Diff([]string{"active", "error", "active"}, told); diff != "" {
			t.Errorf("%s\n%s", diff, log.String())
		}
	})
}

func TestAnExplicitErrorIsJudgedAfterOneRealRun(t *testing.T) {
	y := openYard(t)
	tgt := y.pack(t, "web", map[string]string{"hooks/check-health": `ctl set-health error "Schema 42 is newer" --code=schema-too-new`})
	y.Track(tgt)
	minute := time.Minute
	v, err := y.Judge(t.Context(), tgt, healthstate.JudgeOptions{Settle: &minute, Bake: &minute})
	if err != nil || v.Runs != 1 || word(v.Record) != "error schema-too-new" || !v.Explicit {
		t.Errorf("%+v, %v", v, err)
	}
}
