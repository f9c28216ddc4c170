package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/strictyaml"
)

// Listener is one place where the public listener answers.
type Listener struct {
	URL           string         // tcp://HOST:PORT or unix:///PATH
	Allow         []netip.Prefix // who may ask over TCP; none: everybody
	IgnoreProxied bool           // refuse requests that a proxy passed on
	DisableFiles  []string       // not ready while one of them exists
	EnableFiles   []string       // not ready while one of them is missing
	Expose        string         // counts, names or full; empty: see [Config.ExposeOn]
}

var (
	exposures      = []string{ExposeCounts, ExposeNames, ExposeFull}
	listenAccepted = []string{"tcp://HOST:PORT", "unix:///PATH"}
)

// ParseListener reads a listener's address, as --listen gives it.
func ParseListener(text string) (Listener, error) {
	l := Listener{URL: text}
	scheme, rest, _ := strings.Cut(text, "://")
	switch scheme {
	case "tcp":
		return l, checkTCP(rest)
	case "unix":
		return l, checkUnix(text, rest)
	}
	return l, fmt.Errorf("%q is not an address to listen on", text)
}

func checkTCP(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	if strings.ContainsAny(host, "/ \t@") {
		return fmt.Errorf("%q is not a host's name or address", host)
	}
	return nil
}

func checkUnix(text, path string) error {
	if u, err := url.Parse(text); err != nil || u.Host != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not unix:// followed by an absolute path", text)
	}
	if !filepath.IsAbs(path) || filepath.Clean(path) == "/" {
		return fmt.Errorf("%q is not an absolute path of a socket", path)
	}
	if len(path) > dirs.MaxSocketPath {
		return fmt.Errorf("the socket's path has %d bytes, the kernel takes %d", len(path), dirs.MaxSocketPath)
	}
	return nil
}

// Network is tcp or unix.
func (l Listener) Network() string {
	network, _, _ := strings.Cut(l.URL, "://")
	return network
}

// Address is what net.Listen takes beside [Listener.Network].
func (l Listener) Address() string {
	_, address, _ := strings.Cut(l.URL, "://")
	return address
}

// Allows says whether a caller at a may ask here.
func (l Listener) Allows(a netip.Addr) bool {
	if len(l.Allow) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, p := range l.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func (r *reader) listen(n *yaml.Node, c *Config) {
	l := &Listener{}
	if n.Kind != yaml.MappingNode {
		if r.listenURL(n, l) {
			c.Listen = append(c.Listen, *l)
		}
		return
	}
	r.Fields(n, fields{
		"url":            func(n *yaml.Node) { r.listenURL(n, l) },
		"allow":          func(n *yaml.Node) { r.List(n, func(n *yaml.Node) { r.allow(n, l) }) },
		"ignore-proxied": func(n *yaml.Node) { r.Bool(n, &l.IgnoreProxied) },
		"disable-files":  func(n *yaml.Node) { r.strings(n, &l.DisableFiles, r.path) },
		"enable-files":   func(n *yaml.Node) { r.strings(n, &l.EnableFiles, r.path) },
		"expose":         func(n *yaml.Node) { r.Choice(n, &l.Expose, "value", exposures...) },
	})
	if err := l.check(n); err != nil {
		r.Fail(n, nil, "%v", err)
		return
	}
	c.Listen = append(c.Listen, *l)
}

// check finds what each key alone does not tell.
func (l *Listener) check(n *yaml.Node) error {
	if u := strictyaml.Value(n, "url"); u == nil || strictyaml.Empty(u) {
		return errors.New(`a listener needs "url"`)
	}
	if len(l.DisableFiles) > 0 && len(l.EnableFiles) > 0 {
		return errors.New("a listener has disable-files or enable-files, not both")
	}
	if len(l.Allow) > 0 && l.Network() == "unix" {
		return errors.New("allow is for tcp; who may open a unix socket its folder's mode tells")
	}
	return nil
}

func (r *reader) listenURL(n *yaml.Node, l *Listener) bool {
	var text string
	if !r.text(n, &text) {
		return false
	}
	got, err := ParseListener(text)
	if err != nil {
		r.Fail(n, listenAccepted, "%v", err)
		return false
	}
	l.URL = got.URL
	return true
}

// allow reads a network, or one address as the network of itself.
func (r *reader) allow(n *yaml.Node, l *Listener) {
	var text string
	if !r.text(n, &text) {
		return
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		l.Allow = append(l.Allow, netip.PrefixFrom(a, a.BitLen()))
		return
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		r.Fail(n, []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7"}, "%q is not a network", text)
		return
	}
	l.Allow = append(l.Allow, p.Masked())
}

func (r *reader) agentListen(n *yaml.Node, to *string) {
	l := Listener{}
	if r.listenURL(n, &l) {
		*to = l.URL
	}
}
