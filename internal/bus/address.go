package bus

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// SystemAddress is where a host's system bus listens if nothing else is said.
const SystemAddress = "unix:path=/run/dbus/system_bus_socket"

// Address is the bus for a daemon on root: the one that DBUS_SYSTEM_BUS_ADDRESS
// names; else the host's, for the host's own daemon; else none, which is "".
func Address(root string, getenv func(string) string) string {
	if address := getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return address
	}
	if root == "/" {
		return SystemAddress
	}
	return ""
}

// places are the sockets that an address names: several with semicolons between,
// to be tried in turn.
func places(address string) ([]*net.UnixAddr, error) {
	var all []*net.UnixAddr
	for one := range strings.SplitSeq(address, ";") {
		a, err := place(one)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func place(address string) (*net.UnixAddr, error) {
	transport, keys, _ := strings.Cut(address, ":")
	if transport != "unix" {
		return nil, fmt.Errorf("%q is no address of a unix socket", address)
	}
	for pair := range strings.SplitSeq(keys, ",") {
		key, escaped, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, fmt.Errorf("cannot read the address %q: %w", address, err)
		}
		switch key {
		case "path":
			return &net.UnixAddr{Net: "unix", Name: value}, nil
		case "abstract":
			return &net.UnixAddr{Net: "unix", Name: "@" + value}, nil
		}
	}
	return nil, fmt.Errorf("the address %q names neither path nor abstract", address)
}
