package service

import (
	"fmt"
	"net"
	"os"
	"time"
)

// Where a booted systemd and its bus are found.
const (
	bootedMark = "/run/systemd/system"
	busSocket  = "/run/dbus/system_bus_socket"
)

// Detect answers for "services: auto": [Systemd] when pkgd's root is the
// host's, systemd booted the host and the bus can be reached, else [Embedded].
// why is for the log.
func Detect(root string) (kind, why string) {
	if root != "/" {
		return Embedded, fmt.Sprintf("the root is %s, not the host's", root)
	}
	if fi, err := os.Stat(bootedMark); err != nil || !fi.IsDir() {
		return Embedded, "this host was not booted by systemd"
	}
	c, err := net.DialTimeout("unix", busSocket, time.Second)
	if err != nil {
		return Embedded, fmt.Sprintf("the bus cannot be reached: %v", err)
	}
	_ = c.Close()
	return Systemd, "systemd booted this host"
}
