package ctlcmd

import (
	"fmt"
	"strings"
	"time"
)

// maxHold is how long a package may hold its own refreshes back; an admin's
// hold has no end.
const maxHold = 48 * time.Hour

func (c *call) refresh() error {
	hold, proceed := c.line.has("hold"), c.line.has("proceed")
	if hold && proceed {
		return usagef("refresh: --hold and --proceed exclude each other")
	}
	if !hold && !proceed && !c.line.has("pending") {
		return usagef("refresh: missing option; usage: %s", c.line.command.Usage())
	}
	if c.line.has("pending") {
		if err := c.printPending(); err != nil {
			return err
		}
	}
	if hold {
		return c.hold()
	}
	if proceed {
		return c.backend.RefreshProceed(c.hctx)
	}
	return nil
}

func (c *call) printPending() error {
	text, err := c.backend.RefreshPending(c.hctx.Package())
	if err != nil {
		return err
	}
	c.printf("%s\n", strings.TrimSuffix(text, "\n"))
	return nil
}

func (c *call) hold() error {
	d := maxHold
	if s := c.line.value("hold"); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil || d <= 0 || d > maxHold {
			return fmt.Errorf("hold of %q is not valid: give a duration up to 48h, such as 6h or 90m", s)
		}
	}
	return c.backend.RefreshHold(c.hctx, d)
}
