package cli

import (
	"context"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

type cmdServices struct {
	Args struct {
		Names []string `positional-arg-name:"NAME[.SERVICE]..." description:"Packages or services; without any, all"`
	} `positional-args:"yes"`
}

func servicesCommand() *command {
	return &command{
		name: "services", short: "List services", runner: &cmdServices{},
		long: `Lists the services of packages with their state and how often they were restarted.`,
	}
}

func (c *cmdServices) run(ctx context.Context, a *app, _ []string) error {
	services, err := a.client.Services(ctx, c.Args.Names)
	if err != nil {
		return cannot("list services", err)
	}
	return a.answer(list(services), func() error {
		if len(services) == 0 {
			a.say("no services")
			return nil
		}
		t := newTable(0, "SERVICE", "STATE", "ENABLED", "RESTARTS", "WHY")
		for _, s := range services {
			enabled := map[bool]string{true: "yes", false: "no"}[s.Enabled]
			t.add(plain(s.Package+"."+s.Name), a.statusCell(s.State), plain(enabled), plain(strconv.Itoa(s.Restarts)), plain(s.Detail))
		}
		return t.write(a.env.Stdout)
	})
}

type serviceNames struct {
	Names []string `positional-arg-name:"NAME[.SERVICE]..." required:"1" description:"Packages (all of their services) or services"`
}

type cmdStart struct {
	Enable bool `long:"enable" description:"And start them whenever pkgd starts"`
	waiting
	Args serviceNames `positional-args:"yes"`
}

func startCommand() *command {
	return &command{
		name: "start", short: "Start services", runner: &cmdStart{},
		long: `Starts services in the order that the package asks for.`,
	}
}

func (c *cmdStart) run(ctx context.Context, a *app, _ []string) error {
	return a.serviceAction(ctx, api.ServiceRequest{Action: "start", Names: c.Args.Names, Enable: c.Enable}, c.NoWait)
}

type cmdStop struct {
	Disable bool `long:"disable" description:"And leave them stopped when pkgd starts, and over refreshes"`
	waiting
	Args serviceNames `positional-args:"yes"`
}

func stopCommand() *command {
	return &command{
		name: "stop", short: "Stop services", runner: &cmdStop{},
		long: `Stops services in the reverse of the order in which they start.`,
	}
}

func (c *cmdStop) run(ctx context.Context, a *app, _ []string) error {
	return a.serviceAction(ctx, api.ServiceRequest{Action: "stop", Names: c.Args.Names, Disable: c.Disable}, c.NoWait)
}

type cmdRestart struct {
	waiting
	Args serviceNames `positional-args:"yes"`
}

func restartCommand() *command {
	return &command{
		name: "restart", short: "Restart services", runner: &cmdRestart{},
		long: `Stops services and starts them again.`,
	}
}

func (c *cmdRestart) run(ctx context.Context, a *app, _ []string) error {
	return a.serviceAction(ctx, api.ServiceRequest{Action: "restart", Names: c.Args.Names}, c.NoWait)
}

func (a *app) serviceAction(ctx context.Context, req api.ServiceRequest, noWait bool) error {
	what := req.Action + " " + strings.Join(req.Names, ", ")
	change, err := a.client.ServiceAction(ctx, req)
	if err != nil {
		return cannot(what, err)
	}
	return a.begun(ctx, change, what, noWait)
}
