package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/needs"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/systemd"
)

// wholeUnit uses all that a unit can say.
func wholeUnit(t *testing.T, d dirs.Dirs) service.Unit {
	t.Helper()
	u := service.Unit{
		Package: "web", Revision: 3, Name: "a", Command: []string{"/bin/echo", "100%", `"x" \y`, "$HOME", "two\nlines", "ä"},
		StopCommand: []string{"/bin/true"}, Restart: service.RestartAlways, After: []string{"b"},
		Env: []string{`FOO=$BAR "q" 50% \n`}, Cookie: "s3cret", Dir: d.Revision("web", 3), User: "root",
		Ready: &pkginfo.Ready{Exec: "bin/ready", Timeout: time.Second}, StopTimeout: 3 * time.Second, Enabled: true,
		Confine: service.Confinement{
			Root: d.Revision("web", 3), Data: d.DataRevision("web", 3), Common: d.DataCommon("web"), Tmp: d.Tmp("web"),
		},
		Limits: service.Limits{Memory: 1 << 28, Tasks: 100, CPU: 50},
	}
	for _, dir := range []string{u.Confine.Root, u.Confine.Data, u.Confine.Common, u.Confine.Tmp} {
		check(t, os.MkdirAll(dir, 0o755))
	}
	return u
}

// written gives the path of a unit's file, and its text.
func written(t *testing.T, u service.Unit, d dirs.Dirs, m *systemd.Manager) (string, string) {
	t.Helper()
	path := filepath.Join(d.Root, "units", m.UnitName(u))
	b, err := os.ReadFile(path)
	check(t, err)
	return path, string(b)
}

func enabledOnFakeBus(t *testing.T) (dirs.Dirs, service.Unit, *systemd.Manager) {
	t.Helper()
	b := newFakeBus(t)
	d := newRoot(t)
	u := wholeUnit(t, d)
	m := open(t, systemd.Options{Dirs: d, Address: b.address, UnitDir: filepath.Join(d.Root, "units")})
	t.Cleanup(func() { check(t, m.Shutdown(t.Context())) })
	check(t, m.Enable(t.Context(), []service.Unit{u}))
	return d, u, m
}

func TestAUnitFileIsHardenedAndHasNoSecret(t *testing.T) {
	d, u, m := enabledOnFakeBus(t)
	_, text := written(t, u, d, m)
	for _, line := range []string{
		"Type=exec", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "ProtectHome=yes",
		"MemoryMax=268435456", "TasksMax=100", "CPUQuota=50%", "Restart=always", "TimeoutStopSec=3.000s", "User=root",
		`ExecStart=:"/bin/echo" "100%%" "\"x\" \\y" "$HOME" "two\x0alines" "ä"`, `ExecStop=:"/bin/true"`,
		`Environment="FOO=$BAR \"q\" 50%% \\n"`, `BindPaths="` + u.Confine.Data + `"`, "OOMScoreAdjust=100",
		"EnvironmentFile=-" + filepath.Join(d.RunCookies(), m.UnitName(u)+".env"),
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit file lacks %q", line)
		}
	}
	if strings.Contains(text, u.Cookie) {
		t.Error("the cookie is in the unit file")
	}
	cookie := filepath.Join(d.RunCookies(), m.UnitName(u)+".env")
	fi, err := os.Stat(cookie)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the cookie's file: %v, %v", fi, err)
	}
	if b, _ := os.ReadFile(cookie); string(b) != "PKG_COOKIE=s3cret\nSNAP_COOKIE=s3cret\nSNAP_CONTEXT=s3cret\n" {
		t.Errorf("the cookie's file says %q", b)
	}
}

func TestSystemdFindsNothingWrongWithAUnitFile(t *testing.T) {
	analyze := needs.Program(t, "systemd-analyze", "systemd")
	d, u, m := enabledOnFakeBus(t)
	path, _ := written(t, u, d, m)
	cmd := exec.Command(analyze, "verify", "--man=no", path)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, filepath.Base(path)) {
			t.Errorf("systemd-analyze (%v): %s", err, line)
		}
	}
}

func TestAManagerKnowsTheUnitsOfTheOneBefore(t *testing.T) {
	b := newFakeBus(t)
	d := newRoot(t)
	options := systemd.Options{Dirs: d, Address: b.address, UnitDir: filepath.Join(d.Root, "units")}
	u := wholeUnit(t, d)
	first := open(t, options)
	check(t, first.Start(t.Context(), []service.Unit{u}))
	check(t, first.Shutdown(t.Context()))
	foreign := filepath.Join(options.UnitDir, strings.Replace(first.UnitName(u), "web.a", "web.b", 1))
	check(t, os.WriteFile(foreign, []byte("[Service]\nExecStart=/bin/true\n"), 0o644))
	m := open(t, options)
	defer func() { check(t, m.Shutdown(t.Context())) }()
	all, err := m.Status(t.Context(), "")
	if err != nil || len(all) != 1 || all[0].Name != "a" || all[0].Revision != 3 || !all[0].Enabled {
		t.Errorf("the second manager knows %+v, %v", all, err)
	}
	check(t, m.Forget(t.Context(), "web"))
	if left, _ := filepath.Glob(filepath.Join(options.UnitDir, "*", "*")); len(left) > 0 {
		t.Errorf("forgotten units leave %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(d.RunCookies(), "*")); len(left) > 0 {
		t.Errorf("forgotten units leave %v", left)
	}
}
