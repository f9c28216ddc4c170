package service

import (
	"fmt"
	"os"
)

// host is where Detect looks.
type host struct {
	booted string // a folder that is there where systemd booted the host
	uid    int
}

var thisHost = host{booted: "/run/systemd/system", uid: os.Geteuid()}

// Detect answers for "services: auto": [Systemd] when pkgd's root is the host's,
// pkgd is root and systemd booted the host, else [Embedded]. why is for the log.
//
// The bus is not asked for. One that cannot be reached now comes back, and the
// services that systemd has run on meanwhile: to run them by another manager
// would make two of each.
func Detect(root string) (kind, why string) { return thisHost.detect(root) }

func (h host) detect(root string) (kind, why string) {
	if root != "/" {
		return Embedded, fmt.Sprintf("the root is %s, not the host's", root)
	}
	if h.uid != 0 {
		return Embedded, "pkgd does not run as root"
	}
	if fi, err := os.Stat(h.booted); err != nil || !fi.IsDir() {
		return Embedded, "this host was not booted by systemd"
	}
	return Systemd, "systemd booted this host"
}
