// Package needs finds the programs of the distribution that tests run, and
// builds pkgd's own.
//
// Its rule: on a person's machine a test whose program is missing skips, with
// one line that says what to install; where CI=true says that everything has
// been installed, it fails. A test that nobody runs must not look like one that
// passes.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// besides are folders of programs that a person's PATH may not have.
var besides = []string{"/usr/sbin", "/sbin", "/usr/lib/nagios/plugins", "/usr/lib64/nagios/plugins"}

// Program is the path of a program, which is in the named package of Debian's.
// Where there is none the test ends here.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	if path := find(name); path != "" {
		return path
	}
	Missing(t, name+" is missing: apt-get install "+debian)
	return ""
}

// Missing ends a test because of what is missing, which why says in a line: it
// fails where CI=true, and skips elsewhere.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (and CI=true says that nothing is missing)", why)
	}
	t.Skipf("%s", why)
}

func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range besides {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// Pkgd builds pkgd and ctl into dir, which exists.
func Pkgd(dir string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "pkgd.io/pkgd/cmd/pkgd", "pkgd.io/pkgd/cmd/ctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build pkgd and ctl: %w\n%s", err, out)
	}
	return nil
}
