package healthstate

import (
	"log/slog"
	"runtime"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/overlord/state"
)

// What holds where neither package nor admin says otherwise (design §2, §6, §13).
const (
	DefaultInterval          = 5 * time.Minute
	DefaultUnhealthyInterval = 30 * time.Second
	DefaultTimeout           = 30 * time.Second
	DefaultSettle            = 60 * time.Second
	DefaultBake              = 5 * time.Second
)

// Target is a package as it is to be asked: one revision, with what its
// manifest says about health.
type Target struct {
	hookrunner.Package
	Hook        bool          // meta/hooks/check-health is there
	Plugins     bool          // meta/health.d has executables
	User        string        // that the hooks run as; empty: the daemon's
	Timeout     time.Duration // of a run; 0: DefaultTimeout
	Interval    time.Duration // at rest; counts where it is longer than the host's
	Rollup      pkginfo.Rollup
	Services    []string // that should be up, sorted by nobody
	HasServices bool     // the manifest has some, up or not
	Generation  uint64   // set by Track: a record counts only for the generation it was asked of
}

// asks tells a package "with a hook" in the words of design §2.
func (t Target) asks() bool { return t.Hook || t.Plugins }

func (t Target) timeout() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return DefaultTimeout
}

// Options configure a Manager.
type Options struct {
	Interval          time.Duration // between two runs at rest; 0: DefaultInterval
	UnhealthyInterval time.Duration // after a run that did not find the package active, doubling up to Interval; 0: DefaultUnhealthyInterval
	Concurrency       int           // runs at rest at once; 0: GOMAXPROCS
	Settle, Bake      time.Duration // of the verdict, see DefaultSettle and DefaultBake; zero is zero: one run decides
	Log               *slog.Logger  // nil: nowhere

	// Exists tells, with the state locked, whether this revision of the package
	// is still the one that a record may be written for. nil: whether it is the
	// tracked one, which is asked in any case. It must not call the manager.
	Exists func(st *state.State, name string, rev int) bool
}

func (o Options) withDefaults() Options {
	o.Interval = orDefault(o.Interval, DefaultInterval)
	o.UnhealthyInterval = orDefault(o.UnhealthyInterval, DefaultUnhealthyInterval)
	if o.Concurrency <= 0 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// interval is the time between two runs of t at rest: the host's, which the
// package may lengthen.
func (o Options) interval(t Target) time.Duration { return max(o.Interval, t.Interval) }

// ttl is the age at which a record of t is stale.
func (o Options) ttl(t Target) time.Duration { return 2*o.interval(t) + t.timeout() }
