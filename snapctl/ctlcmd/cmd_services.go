package ctlcmd

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"pkgd.io/pkgd/internal/api"
)

func (c *call) services() error {
	all, err := c.backend.Services(c.ctx, c.hctx.Package())
	if err != nil {
		return err
	}
	names, err := c.pick(all)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(&c.stdout, 5, 3, 2, ' ', 0)
	fmt.Fprintln(w, "Service\tStartup\tCurrent\tNotes")
	for _, s := range all {
		if len(names) == 0 || slices.Contains(names, s.Name) {
			fmt.Fprintln(w, c.row(s))
		}
	}
	return w.Flush()
}

// row shows a service in the words of snapd's table: current is active or
// inactive, and what lies between or beyond them is a note.
func (c *call) row(s api.Service) string {
	startup, current, note := "disabled", "inactive", "-"
	if s.Enabled {
		startup = "enabled"
	}
	if s.State == "active" {
		current = "active"
	} else if s.State != "inactive" {
		note = s.State
	}
	return strings.Join([]string{c.hctx.Package() + "." + s.Name, startup, current, note}, "\t")
}

func (c *call) serviceAction() error {
	all, err := c.backend.Services(c.ctx, c.hctx.Package())
	if err != nil {
		return err
	}
	names, err := c.pick(all)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("package %q has no services to %s", c.hctx.Package(), c.line.command.Name)
	}
	return c.backend.ServiceAction(c.ctx, c.hctx, c.line.command.Name, names, c.line.has("enable"), c.line.has("disable"))
}

// pick turns the arguments into names of services, without the package's name
// before them; the package alone stands for all of its services.
func (c *call) pick(all []api.Service) (names []string, err error) {
	pkg := c.hctx.Package()
	for _, arg := range c.line.args {
		if arg == pkg {
			names = append(names, serviceNames(all)...)
			continue
		}
		name := strings.TrimPrefix(arg, pkg+".")
		if owner, _, dotted := strings.Cut(name, "."); dotted {
			return nil, fmt.Errorf("service %q belongs to package %q: ctl reaches its own package (%s) only", arg, owner, pkg)
		}
		if known := serviceNames(all); !slices.Contains(known, name) {
			return nil, fmt.Errorf("package %q has no service %q: %s", pkg, name, suggest(name, known, listed(known)))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func serviceNames(all []api.Service) (names []string) {
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

func listed(names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return "its services are " + strings.Join(names, ", ")
}
