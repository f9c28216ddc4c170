package healthstate

import (
	"context"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/overlord/state"
)

// Runner is what a Manager needs of a hookrunner.Runner.
type Runner = runner

// NewManagerOn makes a manager on any runner.
func NewManagerOn(st *state.State, r Runner, svc service.Manager, o Options) *Manager {
	return newManager(st, r, svc, o)
}

// SetAsleep replaces the clock that tells how long the host was suspended for.
func (m *Manager) SetAsleep(f func() time.Duration) { m.asleep, m.slept = f, f() }

// Suspended is that clock.
func Suspended() time.Duration { return suspended() }

// ParsePlugin reads what a plug-in prints.
func ParsePlugin(out string) (string, map[string]string) { return parsePlugin(out) }

// PluginCheck reads how a plug-in ended.
func PluginCheck(name string, res hookrunner.Result) api.Check { return pluginCheck(name, res) }

// CheckSize is what counts against MaxCheckSize.
func CheckSize(c api.Check) int { return size(c) }

// Conclude makes the outcome of a hook's run.
func Conclude(t Target, res hookrunner.Result, words Pending) Outcome {
	return conclude(t, hookrunner.PhaseRest, heard{hook: &res, words: words})
}

// Trial is one verdict apart from hooks and services.
type Trial struct {
	Hook, Services bool
	Settle, Bake   time.Duration
	Run            func(context.Context) (Outcome, error)
	Look           func(context.Context) (Upkeep, error)
	Events         <-chan struct{}
}

// Upkeep is how services are.
type Upkeep struct {
	Broken, Between, Starting string
	Restarts                  int
}

// Judge runs the trial.
func (t Trial) Judge(ctx context.Context, target Target) (Verdict, error) {
	return trial{
		asks: t.Hook, settle: t.Settle, bake: t.Bake, run: t.Run, events: t.Events,
		look: func(ctx context.Context) (upkeep, error) {
			u, err := t.Look(ctx)
			return upkeep{broken: u.Broken, between: u.Between, starting: u.Starting, restarts: u.Restarts, again: "main had to be started again", any: t.Services}, err
		},
		quiet: func(u upkeep) Outcome { return conclude(target, hookrunner.PhaseAfter, heard{up: u.any}) },
	}.judge(ctx)
}

// Tell is what is told of a service that is not active, and of one that was
// started again.
func Tell(s service.Status) (down, again string) {
	var u upkeep
	u.add(s)
	return first(u.down(), u.starting), u.again
}
