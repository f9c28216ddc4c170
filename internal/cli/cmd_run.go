package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/version"
	"pkgd.io/pkgd/overlord"
)

type cmdRun struct {
	Listen []string `long:"listen" value-name:"URL" description:"Answer health probes on tcp://HOST:PORT or unix:///PATH; may be given several times"`
	Config string   `long:"config" value-name:"FILE" description:"Read this configuration file instead of etc/pkgd/pkgd.yaml under the root"`
}

func runCommand() *command {
	return &command{
		name: "run", short: "Run the daemon", runner: &cmdRun{},
		long: `Runs pkgd in the foreground until it is told to end (SIGTERM, or Ctrl-C). SIGHUP has it read its configuration again. With --root everything it keeps is below one directory, and no privileges are needed.

It logs to stderr: text on a terminal, else a JSON object a line.`,
		examples: []example{
			{"pkgd run", "as root, on the host itself"},
			{"pkgd run --root /tmp/try", "unprivileged, to try it out"},
		},
	}
}

func (c *cmdRun) run(ctx context.Context, a *app, _ []string) error {
	for _, text := range c.Listen {
		if _, err := config.ParseListener(text); err != nil {
			return a.usageError(fmt.Sprintf("option %q: %v; write tcp://HOST:PORT or unix:///PATH", "--listen", err))
		}
	}
	cfg, err := c.load(a)
	if err != nil {
		return cannot("start pkgd", err)
	}
	log := a.logger()
	exe, err := a.executable()
	if err != nil {
		return err
	}
	ov, err := overlord.New(overlord.Options{
		Dirs: a.dirs, Config: cfg, Log: log, Version: version.String(),
		CtlPath: ctlBeside(exe),
	})
	if err != nil {
		return cannot("start pkgd", err)
	}
	defer ov.Stop()
	ov.StartUp()
	d := daemon.New(ov)
	defer c.reloadOnHangup(a, ov, d, log)()
	return cannot("run pkgd", serve(ctx, ov, d, log))
}

// serve answers until ctx ends. The loop turns once the sockets are open: what
// it starts may want to talk to them.
func serve(ctx context.Context, ov *overlord.Overlord, d *daemon.Daemon, log *slog.Logger) error {
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-d.Listening():
	}
	if err := ov.Loop(); err != nil {
		return err
	}
	log.Info("serving", "version", version.String(), "socket", ov.Dirs().AdminSocket(), "pid", os.Getpid())
	err := <-ended
	log.Info("ending")
	return err
}

// ctlBeside is the ctl program beside pkgd's own; empty leaves the search to
// those who know where else it may be.
func ctlBeside(exe string) string {
	path := filepath.Join(filepath.Dir(exe), "ctl")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// load reads the configuration; what the command line says wins.
func (c *cmdRun) load(a *app) (config.Config, error) {
	path := a.dirs.Config()
	if c.Config != "" {
		path = a.abs(c.Config)
		if _, err := os.Stat(path); err != nil { // what is named must be there
			return config.Config{}, fmt.Errorf("cannot read the configuration: %w", err)
		}
	}
	cfg, err := config.Load(path)
	if err != nil || len(c.Listen) == 0 {
		return cfg, err
	}
	cfg.Listen = nil
	for _, text := range c.Listen {
		l, err := config.ParseListener(text)
		if err != nil {
			return cfg, fmt.Errorf("--listen: %w", err)
		}
		cfg.Listen = append(cfg.Listen, l)
	}
	return cfg, nil
}

// reloadOnHangup reads the configuration again at SIGHUP. A wrong file changes
// nothing.
func (c *cmdRun) reloadOnHangup(a *app, ov *overlord.Overlord, d *daemon.Daemon, log *slog.Logger) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangup {
			cfg, err := c.load(a)
			if err != nil {
				log.Error("the configuration stays as it was", "error", err)
				continue
			}
			ov.Reload(cfg)
			if err := d.Reload(cfg); err != nil {
				log.Error("not all of the new configuration is in force", "error", err)
				continue
			}
			log.Info("configuration read again")
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(hangup)
		<-done
	}
}

func (a *app) logger() *slog.Logger {
	if a.env.StderrTerminal {
		return slog.New(slog.NewTextHandler(a.env.Stderr, nil))
	}
	return slog.New(slog.NewJSONHandler(a.env.Stderr, nil))
}
