package bus

import (
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

const introspectHead = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
`

const standardInterfaces = `  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect"><arg name="xml" type="s" direction="out"/></method>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get"><arg name="interface" type="s" direction="in"/><arg name="name" type="s" direction="in"/><arg name="value" type="v" direction="out"/></method>
    <method name="GetAll"><arg name="interface" type="s" direction="in"/><arg name="values" type="a{sv}" direction="out"/></method>
    <method name="Set"><arg name="interface" type="s" direction="in"/><arg name="name" type="s" direction="in"/><arg name="value" type="v" direction="in"/></method>
    <signal name="PropertiesChanged"><arg name="interface" type="s"/><arg name="changed" type="a{sv}"/><arg name="invalidated" type="as"/></signal>
  </interface>
`

const managerXML = `  <interface name="io.pkgd.Manager1">
    <property name="Level" type="s" access="read"/>
    <property name="Counts" type="a{su}" access="read"/>
    <property name="Version" type="s" access="read"/>
    <signal name="HealthChanged"><arg name="package" type="s"/><arg name="revision" type="u"/><arg name="from" type="s"/><arg name="to" type="s"/><arg name="code" type="s"/><arg name="message" type="s"/></signal>
    <signal name="RefreshReverted"><arg name="package" type="s"/><arg name="from" type="u"/><arg name="to" type="u"/><arg name="code" type="s"/><arg name="message" type="s"/></signal>
    <signal name="ChangeUpdated"><arg name="id" type="s"/><arg name="status" type="s"/><arg name="summary" type="s"/></signal>
  </interface>
`

const packageXML = `  <interface name="io.pkgd.Package1">
    <property name="Status" type="s" access="read"/>
    <property name="Code" type="s" access="read"/>
    <property name="Message" type="s" access="read"/>
    <property name="Revision" type="u" access="read"/>
    <property name="Since" type="t" access="read"/>
  </interface>
`

func (o *objects) introspect(msg dbus.Message) (string, *dbus.Error) {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	switch path {
	case topPath:
		return node("", "Manager1", "packages"), nil
	case packagesPath:
		var names []string
		for _, one := range o.all()[1:] {
			names = append(names, strings.TrimPrefix(string(one.path), string(packagesPath)+"/"))
		}
		return node("", names...), nil
	case managerPath:
		return node(standardInterfaces + managerXML), nil
	}
	if _, err := o.asked(msg, packageInterface); err != nil {
		return "", err
	}
	return node(standardInterfaces + packageXML), nil
}

func node(interfaces string, children ...string) string {
	var b strings.Builder
	b.WriteString(introspectHead)
	b.WriteString(interfaces)
	for _, child := range children {
		fmt.Fprintf(&b, "  <node name=%q/>\n", child)
	}
	b.WriteString("</node>\n")
	return b.String()
}
