package pkginfo

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

// maxTimeout is the longest that a hook or a ready condition may take.
const maxTimeout = time.Hour

func (r *reader) services(n *yaml.Node) {
	r.parts(n, "services", func(name string, key, value *yaml.Node) {
		s := Service{Name: name, Restart: "on-failure"}
		r.required(key, value, "service", "command", strictyaml.Fields{
			"command":      func(n *yaml.Node) { r.command(n, &s.Command) },
			"stop-command": func(n *yaml.Node) { r.command(n, &s.StopCommand) },
			"restart":      func(n *yaml.Node) { r.Choice(n, &s.Restart, "restart", "on-failure", "always", "no") },
			"after":        func(n *yaml.Node) { r.after(n, &s) },
			"environment":  func(n *yaml.Node) { r.environment(n, &s) },
			"user":         func(n *yaml.Node) { r.user(n, &s.User) },
			"ready":        func(n *yaml.Node) { r.ready(n, &s) },
			"limits":       func(n *yaml.Node) { r.limits(n, &s.Limits) },
		})
		r.info.Services = append(r.info.Services, s)
	})
}

func (r *reader) after(n *yaml.Node, s *Service) {
	r.List(n, func(n *yaml.Node) {
		var name string
		if !r.String(n, &name) {
			return
		}
		if slices.Contains(s.After, name) {
			r.Fail(n, nil, "service %q is given twice", name)
			return
		}
		s.After = append(s.After, name)
		r.afters[s.Name] = append(r.afters[s.Name], n)
	})
}

// checkAfter finds what only all services together tell: names that nobody has,
// and orders that nobody can keep.
func (r *reader) checkAfter() {
	var names []string
	for _, s := range r.info.Services {
		names = append(names, s.Name)
	}
	state := map[string]visit{}
	for _, s := range r.info.Services {
		for _, n := range r.afters[s.Name] {
			if !slices.Contains(names, n.Value) {
				r.Unknown(n, "service", names)
			}
		}
		r.findCycles(s.Name, nil, state)
	}
}

// visit is how far the search for cycles has come with a service.
type visit int

const (
	underway visit = iota + 1
	finished
)

// findCycles follows after: from service name, reached by way of path, and
// reports each reference that closes a circle.
func (r *reader) findCycles(name string, path []string, state map[string]visit) {
	if state[name] != 0 {
		return
	}
	state[name] = underway
	path = append(path, name)
	for _, n := range r.afters[name] {
		if state[n.Value] == underway {
			circle := append(slices.Clone(path[slices.Index(path, n.Value):]), n.Value)
			r.Fail(n, nil, "services wait for each other: %s", strings.Join(circle, " after "))
		}
		r.findCycles(n.Value, path, state)
	}
	state[name] = finished
}

// environment reads variables. Those that pkgd itself sets cannot be set here.
func (r *reader) environment(n *yaml.Node, s *Service) {
	s.Environment = map[string]string{}
	r.Mapping(n, func(key, value *yaml.Node) {
		var text string
		if err := validVariable(key.Value); err != nil {
			r.Fail(key, nil, "%v", err)
			return
		}
		if !r.String(value, &text) {
			return
		}
		if strings.ContainsRune(text, 0) {
			r.Fail(value, nil, "the value has a zero byte in it")
			return
		}
		s.Environment[key.Value] = text
	})
}

func validVariable(name string) error {
	if !envPattern().MatchString(name) {
		return fmt.Errorf("%q is not a variable's name: letters, digits and _, not beginning with a digit", name)
	}
	for _, own := range []string{"PKG", "PKGD", "SNAP"} {
		if name == own || strings.HasPrefix(name, own+"_") {
			return fmt.Errorf("variable %q is pkgd's to set", name)
		}
	}
	return nil
}

func (r *reader) user(n *yaml.Node, to *string) {
	r.checked(n, to, func(name string) error {
		if !userPattern().MatchString(name) {
			return fmt.Errorf("%q is not a user's name", name)
		}
		return nil
	})
}

func (r *reader) ready(n *yaml.Node, s *Service) {
	ready := &Ready{Timeout: DefaultReadyTimeout}
	given := 0
	one := func(read func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			given++
			read(n)
		}
	}
	ok := r.Fields(n, strictyaml.Fields{
		"tcp":     one(func(n *yaml.Node) { r.checked(n, &ready.TCP, validAddress) }),
		"unix":    one(func(n *yaml.Node) { r.checked(n, &ready.Unix, validSocket) }),
		"exec":    one(func(n *yaml.Node) { r.command(n, &ready.Exec) }),
		"timeout": func(n *yaml.Node) { r.Duration(n, &ready.Timeout, time.Millisecond, maxTimeout) },
	})
	if ok && given != 1 {
		r.Fail(n, []string{"tcp", "unix", "exec"}, "ready has %d conditions where one is expected", given)
	}
	s.Ready = ready
}

// validAddress checks HOST:PORT. Variables of the service's environment may
// stand in it; what they hold is known only when it starts.
func validAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.ContainsFunc(host, notPrintable) {
		return fmt.Errorf("%q is not HOST:PORT, such as 127.0.0.1:8080", address)
	}
	if strings.Contains(port, "$") {
		return nil
	}
	if p, err := strconv.Atoi(port); err != nil || p < 1 || p > 65535 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	return nil
}

func validSocket(path string) error {
	if path == "" || len(path) > maxCommand || strings.ContainsFunc(path, notPrintable) {
		return fmt.Errorf("%q is not a socket's path", path)
	}
	return nil
}

func notPrintable(c rune) bool { return c <= ' ' || c == 0x7f }
