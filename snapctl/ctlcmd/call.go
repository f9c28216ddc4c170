package ctlcmd

import (
	"context"
	"fmt"
	"strings"

	"pkgd.io/pkgd/hookrunner"
)

// call is one command being run for one caller.
type call struct {
	ctx     context.Context
	hctx    *hookrunner.Context
	backend Backend
	line    line

	stdout, stderr strings.Builder
}

// run does what the command says. A test holds this list against the commands
// that the client's half knows.
func (c *call) run() error {
	switch c.line.command.Name {
	case "set-health":
		return c.setHealth()
	case "add-check":
		return c.addCheck()
	case "health":
		return c.health()
	case "get":
		return c.get()
	case "set":
		return c.set()
	case "unset":
		return c.unset()
	case "services":
		return c.services()
	case "start", "stop", "restart":
		return c.serviceAction()
	case "refresh":
		return c.refresh()
	case "version":
		c.printf("%s\n", c.backend.Version())
		return nil
	}
	return fmt.Errorf("internal error: command %q is known and does nothing", c.line.command.Name)
}

func (c *call) printf(format string, args ...any) {
	fmt.Fprintf(&c.stdout, format, args...)
}

// warn tells the caller something without failing.
func (c *call) warn(text string) {
	if text != "" {
		c.stderr.WriteString("ctl: warning: " + text + "\n")
	}
}
