package housetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/housetest"
)

// floors lists the rooms from the top of the house to the bottom. A room may
// import the rooms below it, its own parts, and the ground floor: whatever is
// not listed here.
var floors = []string{
	"tests", "cmd", "internal/housetest",
	"internal/cli",
	"internal/daemon",
	"internal/statuspage",
	"internal/bus",
	"overlord",
	"overlord/pkgstate", "overlord/reportstate",
	"healthstate",
	"snapctl/ctlcmd",
	"hookrunner",
	"overlord/state",
}

// room is the floor that a package belongs to, by the longest name that fits,
// and how far down it is. The ground floor is below all.
func room(pkg string) (name string, floor int) {
	floor = len(floors)
	for i, f := range floors {
		if housetest.Within(pkg, housetest.Module+"/"+f) && len(f) > len(name) {
			name, floor = f, i
		}
	}
	return name, floor
}

// imports gives each of our packages with those of ours that it imports.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		all[fields[0]] = ours(fields[1:])
	}
	return all
}

func ours(pkgs []string) (own []string) {
	for _, p := range pkgs {
		if housetest.Within(p, housetest.Module) {
			own = append(own, p)
		}
	}
	return own
}

func TestArrowsRunDownOnly(t *testing.T) {
	for pkg, imported := range imports(t) {
		name, floor := room(pkg)
		for _, other := range imported {
			below, at := room(other)
			if at < floor || at == floor && name != below {
				t.Errorf("%s imports %s, which is not below it", pkg, other)
			}
		}
	}
}

func TestTheGroundStandsOnNothing(t *testing.T) {
	all := imports(t)
	for _, pkg := range []string{"internal/api", "internal/dirs", "snapctl"} {
		if own := all[housetest.Module+"/"+pkg]; len(own) > 0 {
			t.Errorf("%s imports %v: it may import nothing of ours", pkg, own)
		}
	}
}

// TestTheEngineKnowsNothingOfPackages: it could drive anything, and that keeps
// it small enough to be tested for everything.
func TestTheEngineKnowsNothingOfPackages(t *testing.T) {
	for _, pkg := range imports(t)[housetest.Module+"/overlord/state"] {
		if pkg != housetest.Module+"/internal/osutil" {
			t.Errorf("overlord/state imports %s", pkg)
		}
	}
}

// TestTheDaemonLinksNoNATS: the collector's message system is megabytes that no
// host needs.
func TestTheDaemonLinksNoNATS(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, "cmd/pkgd")); err != nil {
		t.Fatal(err)
	}
	for _, pkg := range housetest.Links(t, "cmd/pkgd") {
		if strings.Contains(pkg, "nats") {
			t.Errorf("cmd/pkgd links %s", pkg)
		}
	}
}
