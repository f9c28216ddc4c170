package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// duration is a span of time as people write it: 90m, 36h, 2d, 1w.
type duration time.Duration

// UnmarshalFlag reads what go-flags found on the command line.
func (d *duration) UnmarshalFlag(text string) error {
	hours, err := hoursOf(text)
	switch {
	case err != nil || !(hours > 0): // which NaN is not either
		return errorText(strconv.Quote(text) + " is no duration; write 90m, 36h, 2d or 1w")
	case hours > api.MaxHold.Hours():
		return errorText(strconv.Quote(text) + " is longer than 100 years; leave it out to hold until told otherwise")
	}
	*d = duration(hours * float64(time.Hour))
	return nil
}

func hoursOf(text string) (float64, error) {
	for unit, hours := range map[string]float64{"d": 24, "w": 7 * 24} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseFloat(number, 64)
			return n * hours, err
		}
	}
	v, err := time.ParseDuration(text)
	return v.Hours(), err
}

type cmdHold struct {
	For  duration `long:"for" value-name:"D" description:"Hold for so long (90m, 36h, 2d, 1w) and not until unhold"`
	Args struct {
		Names []string `positional-arg-name:"NAME..." required:"1" description:"The packages"`
	} `positional-args:"yes"`
}

func holdCommand() *command {
	return &command{
		name: "hold", short: "Keep packages at the revision they are", runner: &cmdHold{},
		long:     `A package that is held is left out of automatic refreshes and of "pkgd refresh" without names. A refresh that names it, and any revert, work as ever.`,
		examples: []example{{"pkgd hold web", "until \"pkgd unhold web\""}, {"pkgd hold web --for 2d", ""}},
	}
}

func (c *cmdHold) run(ctx context.Context, a *app, _ []string) error {
	return a.packages(ctx, c.Args.Names, false, api.PackageRequest{Action: "hold", For: time.Duration(c.For).Seconds()})
}

type cmdUnhold struct {
	Args struct {
		Names []string `positional-arg-name:"NAME..." required:"1" description:"The packages"`
	} `positional-args:"yes"`
}

func unholdCommand() *command {
	return &command{
		name: "unhold", short: "Let packages be refreshed again", runner: &cmdUnhold{},
		long: `Ends what "pkgd hold" began.`,
	}
}

func (c *cmdUnhold) run(ctx context.Context, a *app, _ []string) error {
	return a.packages(ctx, c.Args.Names, false, api.PackageRequest{Action: "unhold"})
}
