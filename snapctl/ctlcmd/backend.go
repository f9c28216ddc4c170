// Package ctlcmd is the daemon's half of the conversation between a package's
// hooks, services and apps and pkgd. Its nouns are the [Backend], which holds
// what the commands act on, and the [Handler], which serves POST /v1/ctl on the
// ctl socket: it finds out who speaks by cookie and by the kernel's word for the
// caller's user, reads one line of words and runs one command.
//
// Its rule: this package knows words, not meaning. What is wrong with the words
// (an unknown command or option, a missing or surplus argument) is usage and
// exits 2; what a rule forbids is a refusal and exits 1, and the rules for
// values live with the rooms that keep them. A command touches the caller's own
// package and no other.
package ctlcmd

import (
	"context"
	"encoding/json"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

// Backend does what commands ask for. Whether something takes effect at once or
// when the caller's run ends is for the backend to decide, by the context. Its
// errors are printed after "ctl: ", one line, so they say what to do next.
type Backend interface {
	// Health is the record of a package as it stands.
	Health(pkg string) api.Record

	// Config finds one value, false when it is unset; the run's own pending
	// values are seen first.
	Config(c *hookrunner.Context, key string) (json.RawMessage, bool, error)
	// SetConfig applies a patch; a nil value unsets its key.
	SetConfig(c *hookrunner.Context, patch map[string]json.RawMessage) error

	// Services lists a package's services in manifest order.
	Services(ctx context.Context, pkg string) ([]api.Service, error)
	// ServiceAction starts, stops or restarts services of the caller's package,
	// by their names without the package's.
	ServiceAction(ctx context.Context, c *hookrunner.Context, action string, names []string, enable, disable bool) error

	// SetHealth takes the caller's word on its package. The warning is for the
	// caller and does not make the call fail.
	SetHealth(c *hookrunner.Context, status, code, message string, blockers []string) (warning string, err error)
	// AddCheck takes the caller's word on one part; a nil qos is none.
	AddCheck(c *hookrunner.Context, name, health, message string, qos *float64, data map[string]string) error

	// RefreshPending describes what a refresh would bring, as text to print.
	RefreshPending(pkg string) (string, error)
	// RefreshHold holds automatic refreshes of the caller's package for d.
	RefreshHold(c *hookrunner.Context, d time.Duration) error
	// RefreshProceed ends such a hold.
	RefreshProceed(c *hookrunner.Context) error

	// Version is the daemon's.
	Version() string
}
