package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/godbus/dbus/v5"
)

// How long the bus may take before it counts as hung.
const (
	setupTimeout = 5 * time.Second
	writeTimeout = 5 * time.Second
)

// link is one connection to a bus.
type link struct {
	*dbus.Conn
	signals chan *dbus.Signal // that the bus sends us; closed at the end
	close   func()
}

// conn gives up writing to a bus that does not read. (The library's own
// connections cannot be closed while a write hangs.)
type conn struct{ net.Conn }

func (c conn) Write(b []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	return c.Conn.Write(b)
}

// dial connects to the first place of address where somebody answers.
func dial(ctx context.Context, address string) (*link, error) {
	all, err := places(address)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, a := range all {
		l, err := dialOne(ctx, a)
		if err == nil {
			return l, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func dialOne(ctx context.Context, a *net.UnixAddr) (*link, error) {
	d := net.Dialer{Timeout: setupTimeout}
	raw, err := d.DialContext(ctx, a.Net, a.Name)
	if err != nil {
		return nil, err
	}
	c, err := dbus.NewConn(conn{raw}, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	l := &link{Conn: c, signals: make(chan *dbus.Signal, 16)}
	c.Signal(l.signals)
	// Closing the socket first frees whoever reads or writes.
	hangUp := context.AfterFunc(ctx, func() { _ = raw.Close() })
	l.close = func() {
		hangUp()
		_ = raw.Close()
		_ = c.Close()
	}
	late := time.AfterFunc(setupTimeout, func() { _ = raw.Close() })
	err = errors.Join(c.Auth(nil))
	if err == nil {
		err = c.Hello()
	}
	if !late.Stop() {
		err = errors.New("it takes too long")
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("%s does not speak as a bus: %w", a, err)
	}
	return l, nil
}

// own asks for the name. Where another has it we are next in line; what we offer
// is there under our unique name meanwhile.
func (b *Bus) own(l *link) error {
	ctx, cancel := context.WithTimeout(l.Context(), setupTimeout)
	defer cancel()
	var reply dbus.RequestNameReply
	call := l.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.RequestName", 0, Name, uint32(dbus.NameFlagAllowReplacement))
	if err := call.Store(&reply); err != nil {
		return fmt.Errorf("cannot have the name %s (is packaging/dbus/%s.conf installed?): %w", Name, Name, err)
	}
	if reply == dbus.RequestNameReplyPrimaryOwner {
		b.owned()
		return nil
	}
	b.describe("another program has the name " + Name)
	b.o.Log.Warn("another program has our name on D-Bus; we have it when that ends", "name", Name)
	return nil
}

func (b *Bus) owned() {
	b.describe("connected as " + Name)
	b.o.Log.Info("on D-Bus", "name", Name)
}

// What logind says before a suspend (true) and after it (false).
const (
	loginName = "org.freedesktop.login1"
	loginFace = loginName + ".Manager"
	sleepWord = "PrepareForSleep"
)

// listen asks for what logind says of suspends. That it is not there is no error.
func (b *Bus) listen(l *link) error {
	if b.o.Resumed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(l.Context(), setupTimeout)
	defer cancel()
	err := l.AddMatchSignalContext(ctx, dbus.WithMatchSender(loginName), dbus.WithMatchInterface(loginFace), dbus.WithMatchMember(sleepWord))
	if err != nil {
		return fmt.Errorf("cannot listen to logind: %w", err)
	}
	return nil
}

// hear heeds what logind says of suspends, and what the bus tells us of our name.
func (b *Bus) hear(s *dbus.Signal) {
	if s.Name == loginFace+"."+sleepWord {
		if len(s.Body) == 1 && s.Body[0] == any(false) && b.o.Resumed != nil {
			b.o.Resumed()
		}
		return
	}
	if len(s.Body) != 1 || s.Body[0] != any(Name) {
		return
	}
	switch s.Name {
	case "org.freedesktop.DBus.NameLost":
		b.describe("another program has the name " + Name)
		b.o.Log.Warn("lost our name on D-Bus to another program; we have it again when that ends", "name", Name)
	case "org.freedesktop.DBus.NameAcquired":
		if b.Describe() != "connected as "+Name {
			b.owned()
		}
	}
}
