package tests

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/needs"
)

var (
	installed = flag.Bool("installed", false, "test the programs that pkgd's package has installed, not those of this tree")
	ofHost    = flag.Bool("host", false, "tell the stories of the host's own daemon, which loses all that it has; only in tests/system/bed")
)

// hostRun is the pkgd that stories of the host's own daemon call.
//
//go:embed host.sh
var hostRun string

// furnish puts the programs under test into bin.
func furnish() error {
	if !*installed && !*ofHost {
		return needs.Pkgd(bin)
	}
	if err := os.Symlink("/usr/lib/pkgd/ctl", filepath.Join(bin, "ctl")); err != nil {
		return err
	}
	if !*ofHost {
		return os.Symlink("/usr/bin/pkgd", filepath.Join(bin, "pkgd"))
	}
	b, _ := os.ReadFile("/run/systemd/container") // missing: no bed
	if strings.TrimSpace(string(b)) != "systemd-nspawn" {
		return errors.New("-host is for tests/system/bed only: it removes all that pkgd has")
	}
	return os.WriteFile(filepath.Join(bin, "pkgd"), []byte(hostRun), 0o755)
}

// bareHost ends the host's own daemon and all services, and leaves nothing of theirs.
const bareHost = `
systemctl stop pkgd.socket pkgd.service 'pkgd.*.service'
systemctl reset-failed 'pkgd*'
rm -rf /var/lib/pkgd /var/cache/pkgd /var/log/pkgd /run/pkgd /etc/pkgd /run/systemd/system/pkgd.*.service /run/systemd/system/*.wants/pkgd.*.service
systemctl daemon-reload`

func clearHost() error {
	if out, err := exec.Command("sh", "-c", bareHost).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot clear the host: %w: %s", err, out)
	}
	return nil
}
