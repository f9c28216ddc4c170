package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// Names of systemd on the bus.
const (
	systemdName  = "org.freedesktop.systemd1"
	systemdPath  = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerIface = systemdName + ".Manager"
	unitIface    = systemdName + ".Unit"
	serviceIface = systemdName + ".Service"
	propsIface   = "org.freedesktop.DBus.Properties"
	jobRemoved   = managerIface + ".JobRemoved"
	propsChanged = propsIface + ".PropertiesChanged"
	busName      = "org.freedesktop.DBus"
	noSuchUnit   = systemdName + ".NoSuchUnit"
	unitMasked   = systemdName + ".UnitMasked"
)

// How long the bus may take before it counts as hung or lost.
const (
	connectTimeout = 5 * time.Second
	callTimeout    = 10 * time.Second
	minReconnect   = 100 * time.Millisecond // the pause before a lost bus is looked for; doubles
	maxReconnect   = 30 * time.Second
	reconnectGrace = 5 * time.Second // how long a request waits for a lost bus to come back
)

// errLost is what calls end with when the bus goes away.
var errLost = unreachable{errors.New("the connection to the system bus was lost")}

// unreachable is an error about the way to systemd, and a
// [service.ErrUnreachable].
type unreachable struct{ error }

func (u unreachable) Unwrap() []error { return []error{u.error, service.ErrUnreachable} }

// bus is the way to systemd: one connection at a time, made again whenever it is
// lost. What is watched is watched again on the next one.
type bus struct {
	address string // empty: the host's system bus
	log     *slog.Logger
	hear    func(*dbus.Signal) // called from one goroutine, in order
	renew   func()             // called when a connection was made anew

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	tried  chan struct{} // closed when the first connection is made, or has failed
	done   chan struct{} // closed when the loop has ended

	mu      sync.Mutex // guards what follows
	conn    *link      // nil while there is none
	why     error      // why there is none
	changed chan struct{}
	watched map[string]bool // units
}

// link is one connection.
type link struct {
	*dbus.Conn
	version int // of systemd
}

func newBus(address string, log *slog.Logger, hear func(*dbus.Signal), renew func()) *bus {
	b := &bus{
		address: address, log: log, hear: hear, renew: renew,
		tried: make(chan struct{}), done: make(chan struct{}),
		why: unreachable{errors.New("not connected yet")}, changed: make(chan struct{}), watched: make(map[string]bool),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// loop keeps a connection up until close.
func (b *bus) loop() {
	defer close(b.done)
	pause := minReconnect
	tried := sync.OnceFunc(func() { close(b.tried) })
	for again := false; b.ctx.Err() == nil; again = true {
		l, signals, err := b.connect()
		b.set(l, err)
		tried()
		if err != nil {
			b.log.Warn("cannot reach systemd", "error", err, "again-in", pause)
			_ = osutil.Sleep(b.ctx, pause)
			pause = min(2*pause, maxReconnect)
			continue
		}
		pause = minReconnect
		if again {
			b.log.Info("systemd is reached again")
			b.renew()
		}
		b.serve(signals)
		_ = l.Close()
		b.set(nil, errLost)
	}
}

// serve hands out signals until the connection ends.
func (b *bus) serve(signals <-chan *dbus.Signal) {
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			b.hear(s)
		case <-b.ctx.Done():
			return
		}
	}
}

// connect makes a connection, and everything on it that must be there before
// anybody asks for something. It takes no longer than connectTimeout.
func (b *bus) connect() (*link, <-chan *dbus.Signal, error) {
	ctx, cancel := context.WithCancel(b.ctx)
	late := time.AfterFunc(connectTimeout, cancel) // ends what hangs; the connection itself lives on b.ctx
	conn, err := b.dial(ctx)
	if err != nil {
		cancel()
		return nil, nil, unreachable{fmt.Errorf("cannot reach the system bus: %w", err)}
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	l := &link{Conn: conn}
	err = b.prepare(ctx, l)
	if !late.Stop() && err == nil {
		err = errors.New("it takes too long")
	}
	if err != nil {
		_ = conn.Close()
		cancel()
		return nil, nil, unreachable{fmt.Errorf("cannot reach systemd over the bus: %w", err)}
	}
	context.AfterFunc(conn.Context(), cancel)
	return l, signals, nil
}

func (b *bus) dial(ctx context.Context) (*dbus.Conn, error) {
	options := []dbus.ConnOption{dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler())}
	var conn *dbus.Conn
	var err error
	if b.address == "" {
		conn, err = dbus.SystemBusPrivate(options...)
	} else {
		conn, err = dbus.Dial(b.address, options...)
	}
	if err != nil {
		return nil, err
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// prepare makes sure that systemd is there. No call has the bus start it: after
// a crash of the bus it comes by itself, and what waits for the bus to start it
// hangs.
func (b *bus) prepare(ctx context.Context, l *link) error {
	v, err := getProperty(ctx, l, systemdPath, managerIface, "Version")
	if err != nil {
		return err
	}
	l.version = leadingNumber(v.String())
	if err := l.Object(systemdName, systemdPath).CallWithContext(ctx, managerIface+".Subscribe", dbus.FlagNoAutoStart).Err; err != nil {
		return err
	}
	b.mu.Lock()
	units := slices.Collect(maps.Keys(b.watched))
	b.mu.Unlock()
	for _, unit := range units {
		if err := addMatches(ctx, l, unit); err != nil {
			return err
		}
	}
	return nil
}

// leadingNumber reads "252" off "252.38-1".
func leadingNumber(s string) int {
	s = strings.Trim(s, `"`)
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, _ := strconv.Atoi(s)
	return n
}

func (b *bus) set(l *link, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conn, b.why = l, why
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *bus) now() (l *link, changed <-chan struct{}, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil && !b.conn.Connected() {
		return nil, b.changed, errLost // the loop will notice, too
	}
	return b.conn, b.changed, b.why
}

// get gives the connection, or says at once why there is none.
func (b *bus) get() (*link, error) {
	l, _, why := b.now()
	if l == nil {
		return nil, why
	}
	return l, nil
}

// await gives the connection; when there is none it waits a moment for the next.
func (b *bus) await(ctx context.Context) (*link, error) {
	late := time.NewTimer(reconnectGrace)
	defer late.Stop()
	for {
		l, changed, why := b.now()
		if l != nil {
			return l, nil
		}
		select {
		case <-changed:
		case <-late.C:
			return nil, why
		case <-b.ctx.Done():
			return nil, why
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), why)
		}
	}
}

// askTries is how often something is asked when the bus dies under it.
const askTries = 3

// ask calls f with the connection, again with the next one when it was lost
// meanwhile, or when systemd has left the bus for a moment. f must be something
// that may be asked twice.
func (b *bus) ask(ctx context.Context, f func(l *link) error) error {
	late := time.Now().Add(reconnectGrace)
	for try := 1; ; try++ {
		l, err := b.await(ctx)
		if err != nil {
			return causeOf(ctx, err)
		}
		err = f(l)
		switch {
		case away(err) && time.Now().Before(late):
			_ = osutil.Sleep(ctx, awayPause)
		case err == nil || refused(err) || l.Connected() && !away(err):
			return causeOf(ctx, err)
		case try >= askTries || away(err):
			return causeOf(ctx, unreachable{err})
		}
	}
}

// awayPause is how long systemd is given before it is looked for again.
const awayPause = 100 * time.Millisecond

// away says whether err means that nobody answers on a bus that is there: systemd
// leaves it and comes back when it executes itself anew, as its upgrade does.
func away(err error) bool {
	for _, name := range []string{"NoReply", "NameHasNoOwner", "ServiceUnknown"} {
		if isError(err, "org.freedesktop.DBus.Error."+name) {
			return true
		}
	}
	return false
}

// causeOf is err, or why ctx ended, if that is what it comes from.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// watch asks for signals about a unit, now and on every connection to come.
func (b *bus) watch(ctx context.Context, l *link, unit string) error {
	b.mu.Lock()
	known := b.watched[unit]
	b.watched[unit] = true
	b.mu.Unlock()
	if known {
		return nil
	}
	err := addMatches(ctx, l, unit)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watched, unit)
	}
	return err
}

// unwatch is the end of it.
func (b *bus) unwatch(ctx context.Context, l *link, unit string) {
	b.mu.Lock()
	known := b.watched[unit]
	delete(b.watched, unit)
	b.mu.Unlock()
	if known {
		_ = callAll(ctx, l, busName, "/org/freedesktop/DBus", busName+".RemoveMatch", rules(unit)...)
	}
}

func addMatches(ctx context.Context, l *link, unit string) error {
	return callAll(ctx, l, busName, "/org/freedesktop/DBus", busName+".AddMatch", rules(unit)...)
}

// rules are for one unit only: a busy host's other units must not wake pkgd.
func rules(unit string) []string {
	from := "type='signal',sender='" + systemdName + "',"
	return []string{
		from + "interface='" + propsIface + "',path='" + string(unitPath(unit)) + "'",
		from + "interface='" + managerIface + "',member='JobRemoved',arg2='" + unit + "'",
	}
}

// callAll makes a call for each argument, all at once.
func callAll(ctx context.Context, l *link, name string, path dbus.ObjectPath, method string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var calls []*dbus.Call
	for _, arg := range args {
		calls = append(calls, l.Object(name, path).GoWithContext(ctx, method, 0, make(chan *dbus.Call, 1), arg))
	}
	var errs []error
	for _, call := range calls {
		errs = append(errs, (<-call.Done).Err)
	}
	return errors.Join(errs...)
}

// call asks systemd's manager for something.
func (l *link) call(ctx context.Context, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return l.Object(systemdName, systemdPath).CallWithContext(ctx, managerIface+"."+method, dbus.FlagNoAutoStart, args...)
}

func getProperty(ctx context.Context, l *link, path dbus.ObjectPath, iface, name string) (dbus.Variant, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var v dbus.Variant
	err := l.Object(systemdName, path).CallWithContext(ctx, propsIface+".Get", dbus.FlagNoAutoStart, iface, name).Store(&v)
	return v, err
}

// close ends the connection and waits for the loop to end.
func (b *bus) close() {
	b.cancel()
	<-b.done
}

// refused says whether err is systemd's own answer about a unit, and not that of
// a bus that cannot be reached.
func refused(err error) bool {
	var e dbus.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Name, systemdName+".")
}

// isError says whether err is the answer of that name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}
