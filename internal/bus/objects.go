package bus

import (
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/api"
)

// Paths and interfaces of the objects.
const (
	managerPath  = dbus.ObjectPath("/io/pkgd/Manager1")
	packagesPath = dbus.ObjectPath("/io/pkgd/packages")
	topPath      = dbus.ObjectPath("/io/pkgd")

	managerInterface      = "io.pkgd.Manager1"
	packageInterface      = "io.pkgd.Package1"
	propertiesInterface   = "org.freedesktop.DBus.Properties"
	introspectInterface   = "org.freedesktop.DBus.Introspectable"
	unknownObject         = "org.freedesktop.DBus.Error.UnknownObject"
	unknownInterface      = "org.freedesktop.DBus.Error.UnknownInterface"
	unknownProperty       = "org.freedesktop.DBus.Error.UnknownProperty"
	propertyReadOnly      = "org.freedesktop.DBus.Error.PropertyReadOnly"
	propertiesChangedName = propertiesInterface + ".PropertiesChanged"
)

// properties are one object's, by name.
type properties map[string]dbus.Variant

// object is one object as it is at a moment.
type object struct {
	path       dbus.ObjectPath
	iface      string
	properties properties
}

// objects makes objects out of the snapshot whenever somebody asks.
type objects struct {
	health  Health
	version string
}

// PackagePath is the path of a package's object. A path takes letters, digits
// and underscores; what else a name has is written as _XX, by its ASCII code.
func PackagePath(name string) dbus.ObjectPath {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "_%02x", c)
	}
	return packagesPath + "/" + dbus.ObjectPath(b.String())
}

// all lists the objects, the manager's first.
func (o *objects) all() []object {
	h := o.health.Snapshot().Health
	list := []object{o.manager(h)}
	for _, rec := range h.Packages {
		list = append(list, packageObject(rec))
	}
	return list
}

func (o *objects) find(path dbus.ObjectPath) (object, bool) {
	for _, one := range o.all() {
		if one.path == path {
			return one, true
		}
	}
	return object{}, false
}

func (o *objects) manager(h api.Health) object {
	counts := map[string]uint32{}
	for status, n := range h.Counts {
		counts[status] = uint32(n)
	}
	return object{managerPath, managerInterface, properties{
		"Level":   dbus.MakeVariant(h.Level),
		"Counts":  dbus.MakeVariant(counts),
		"Version": dbus.MakeVariant(o.version),
	}}
}

func packageObject(rec api.Record) object {
	return object{PackagePath(rec.Package), packageInterface, properties{
		"Status":   dbus.MakeVariant(rec.Status),
		"Code":     dbus.MakeVariant(rec.Code),
		"Message":  dbus.MakeVariant(rec.Message),
		"Revision": dbus.MakeVariant(uint32(rec.Revision)),
		"Since":    dbus.MakeVariant(microseconds(rec.Since)),
	}}
}

// microseconds since 1970, as systemd gives times; 0 for none.
func microseconds(t *time.Time) uint64 {
	if t == nil {
		return 0
	}
	return uint64(max(0, t.UnixMicro()))
}

// export answers calls to all objects on c, also to those that come later.
func (o *objects) export(c *dbus.Conn) error {
	err := c.ExportSubtreeMethodTable(map[string]any{"Get": o.get, "GetAll": o.getAll, "Set": o.set}, topPath, propertiesInterface)
	if err != nil {
		return err
	}
	return c.ExportSubtreeMethodTable(map[string]any{"Introspect": o.introspect}, topPath, introspectInterface)
}

// asked finds the object of a call, which must have the interface.
func (o *objects) asked(msg dbus.Message, iface string) (object, *dbus.Error) {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	one, ok := o.find(path)
	if !ok {
		return one, dbus.NewError(unknownObject, []any{fmt.Sprintf("there is no object %s", path)})
	}
	if iface != "" && iface != one.iface {
		return one, dbus.NewError(unknownInterface, []any{fmt.Sprintf("%s has no interface %s", path, iface)})
	}
	return one, nil
}

func (o *objects) get(msg dbus.Message, iface, name string) (dbus.Variant, *dbus.Error) {
	one, err := o.asked(msg, iface)
	if err != nil {
		return dbus.Variant{}, err
	}
	v, ok := one.properties[name]
	if !ok {
		return v, dbus.NewError(unknownProperty, []any{fmt.Sprintf("%s has no property %s", one.iface, name)})
	}
	return v, nil
}

func (o *objects) getAll(msg dbus.Message, iface string) (map[string]dbus.Variant, *dbus.Error) {
	one, err := o.asked(msg, iface)
	return one.properties, err
}

func (o *objects) set(msg dbus.Message, iface, _ string, _ dbus.Variant) *dbus.Error {
	if _, err := o.asked(msg, iface); err != nil {
		return err
	}
	return dbus.NewError(propertyReadOnly, []any{"nothing can be changed over the bus; use pkgd"})
}
