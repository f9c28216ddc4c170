package systemd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/service"
)

// names gives the services of one root their names in systemd. A revision's
// unit has a name of its own, so that a switch needs no daemon-reload: systemd
// reads a file of a new name when it is first asked for.
type names struct {
	prefix string // "pkgd." or, for a root that is not the host's, "pkgd-HASH."
}

func namesOf(root string) names {
	if root == "/" {
		return names{"pkgd."}
	}
	sum := sha256.Sum256([]byte(root))
	return names{"pkgd-" + hex.EncodeToString(sum[:4]) + "."}
}

// unit is PREFIX PACKAGE.SERVICE.rREVISION.service.
func (n names) unit(pkg, name string, rev int) string {
	return fmt.Sprintf("%s%s.%s.r%d.service", n.prefix, pkg, name, rev)
}

// label is what the journal knows a service by, whatever its revision.
func (n names) label(pkg, name string) string {
	return n.prefix + service.ID(pkg, name)
}

// pattern matches the units of all revisions of a service, or of all of a
// package's when name is "*".
func (n names) pattern(pkg, name string) string {
	return fmt.Sprintf("%s%s.%s.r*.service", n.prefix, pkg, name)
}

// parse takes a unit's name apart.
func (n names) parse(unit string) (pkg, name string, rev int, ok bool) {
	s, mine := strings.CutPrefix(unit, n.prefix)
	s, isService := strings.CutSuffix(s, ".service")
	i := strings.LastIndex(s, ".r")
	if !mine || !isService || i < 0 {
		return "", "", 0, false
	}
	rev, err := strconv.Atoi(s[i+len(".r"):])
	pkg, name, found := strings.Cut(s[:i], ".")
	return pkg, name, rev, err == nil && found
}

// unitPath is where systemd shows a unit on the bus.
func unitPath(unit string) dbus.ObjectPath {
	var b strings.Builder
	b.WriteString("/org/freedesktop/systemd1/unit/")
	for i := range len(unit) {
		c := unit[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return dbus.ObjectPath(b.String())
}
