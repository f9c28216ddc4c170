package system

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	deb = flag.String("deb", "", "the .deb to install; without it nothing is tested here")
	rpm = flag.String("rpm", "", "the .rpm to install, for the test of that")
)

const config = "health: {interval: 1h, settle: 5s, bake: 0s}\nlisten: [\"unix:///run/pkgd/health.sock\"]\n"

// bed is a booted systemd with pkgd installed.
type bed struct {
	t     *testing.T
	dir   string
	trees int // made so far
}

// newBed boots a bed with the .deb installed.
func newBed(t *testing.T) *bed {
	t.Helper()
	b := bareBed(t, *deb, "/srv/pkgd.deb")
	b.run("dpkg", "--force-confold", "-i", "/srv/pkgd.deb")
	return b
}

// bareBed boots a bed with nothing but a package's file on its disk.
func bareBed(t *testing.T, file, path string) *bed {
	t.Helper()
	if file == "" {
		t.Skip("no -deb and -rpm are given: ./run-checks --system builds both and gives them")
	}
	b := &bed{t: t}
	b.dir = strings.TrimSpace(b.must("./bed", "up"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.try("journalctl", "-u", "pkgd", "--no-pager", "-n", "60", "-o", "cat"))
		}
		b.must("./bed", "down", b.dir)
	})
	b.must("./bed", "put", b.dir, file, path)
	b.write("/etc/pkgd/pkgd.yaml", config, 0o644)
	return b
}

func (b *bed) must(name string, args ...string) string {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// run runs a command in the bed, which has to succeed, and gives its output.
func (b *bed) run(args ...string) string {
	b.t.Helper()
	return b.must("./bed", append([]string{"exec", b.dir}, args...)...)
}

// try runs a command in the bed and gives all that it said, whatever its end.
func (b *bed) try(args ...string) string {
	out, err := exec.Command("./bed", append([]string{"exec", b.dir}, args...)...).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return string(out)
}

// exits runs a command in the bed and gives its exit code.
func (b *bed) exits(args ...string) int {
	cmd := exec.Command("./bed", append([]string{"exec", b.dir}, args...)...)
	_ = cmd.Run() // the code tells
	return cmd.ProcessState.ExitCode()
}

func (b *bed) write(path, text string, mode os.FileMode) {
	b.t.Helper()
	local := filepath.Join(b.t.TempDir(), "f")
	if err := os.WriteFile(local, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
	b.must("./bed", "put", b.dir, local, path)
}

// pack puts a package tree on the bed's disk: version v, whose service brings
// its data forward to v, and whose check-health runs check.
func (b *bed) pack(v, check string) string {
	b.t.Helper()
	dir := "/srv/web-" + v
	b.write(dir+"/meta/pkg.yaml", "name: web\nversion: \""+v+"\"\nsummary: A web server\nservices:\n  serve: {command: bin/serve, ready: {exec: bin/ready}}\n", 0o644)
	b.write(dir+"/meta/hooks/check-health", "#!/bin/sh\n"+check+"\n", 0o755)
	b.write(dir+"/bin/ready", "#!/bin/sh\n[ -s $PKG_DATA/schema ]\n", 0o755)
	b.write(dir+"/bin/serve", "#!/bin/sh\n[ $(cat $PKG_DATA/schema 2>/dev/null || echo 0) -ge "+v+" ] || echo "+v+" >$PKG_DATA/schema\nctl set port="+v+"\nwhile :; do sleep 1000; done\n", 0o755)
	return dir
}

// holds checks that a revision runs: linked, its data, one service, health.
func (b *bed) holds(rev, version string) {
	b.t.Helper()
	if got := b.run("readlink", "/var/lib/pkgd/packages/web/current"); strings.TrimSpace(got) != rev {
		b.t.Errorf("revision %s is current, want %s", got, rev)
	}
	if got := b.run("cat", "/var/lib/pkgd/data/web/"+rev+"/schema"); strings.TrimSpace(got) != version {
		b.t.Errorf("data say %q, want %q", got, version)
	}
	units := b.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "pkgd.web.*")
	if n := strings.Count(units, "\n"); n != 1 || !strings.Contains(units, ".r"+rev+".service") {
		b.t.Errorf("active units are %q, want one of revision %s", units, rev)
	}
}
