package bus_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rooms stand for healthstate and pkgstate.
type rooms struct {
	mu       sync.Mutex // guards all below
	snapshot *healthstate.Snapshot
	change   api.Change
	turn     func(api.Transition, api.Record)
	happen   func(api.Event)
	left     int
	resumed  chan struct{} // a token for each resume that was told of
}

func newRooms(records ...api.Record) *rooms {
	r := &rooms{resumed: make(chan struct{}, 100)}
	r.set(records...)
	return r
}

func (r *rooms) set(records ...api.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot = &healthstate.Snapshot{Health: healthstate.Of(records)}
}

type health struct{ *rooms }

func (r health) Snapshot() *healthstate.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshot
}

func (r health) Subscribe(f func(api.Transition, api.Record)) (cancel func()) {
	r.turn = f
	return func() { r.left++ }
}

func (r *rooms) Subscribe(f func(api.Event)) (cancel func()) {
	r.happen = f
	return func() { r.left++ }
}
func (r *rooms) Change(string) (api.Change, error) { return r.change, nil }

func (r *rooms) tell(t *testing.T, chg api.Change) {
	data, err := json.Marshal(chg)
	if err != nil {
		t.Fatal(err)
	}
	r.happen(api.Event{Type: "change", Data: data})
}

// story is a log that can be waited for.
type story struct{ lines chan string }

func (s *story) Write(b []byte) (int, error) { s.lines <- string(b); return len(b), nil }

func (s *story) await(t *testing.T, words string) {
	t.Helper()
	for line := range s.lines {
		if strings.Contains(line, words) {
			return
		}
	}
}

// offer runs a Bus on an address until the test ends.
func offer(t *testing.T, address string, r *rooms) (b *bus.Bus, log *story) {
	t.Helper()
	log = &story{lines: make(chan string, 100)}
	b = bus.New(bus.Options{
		Address: address, Version: "1.2", Health: health{r}, Packages: r, Log: slog.New(slog.NewTextHandler(log, nil)),
		Resumed: func() { r.resumed <- struct{}{} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if r.left != 2 {
			t.Errorf("%d of 2 subscriptions were cancelled", r.left)
		}
	})
	return b, log
}

func web(status, code string) api.Record {
	since := time.UnixMicro(1714521600123456)
	return api.Record{Package: "web", Revision: 3, Status: status, Code: code, Message: "because", Since: &since}
}

func TestPropertiesOfHostAndPackages(t *testing.T) {
	d := startDaemon(t)
	b, log := offer(t, d.address, newRooms(web("error", "disk-full"), api.Record{Package: "my-db", Status: "active"}))
	log.await(t, "on D-Bus")
	if got := b.Describe(); got != "connected as io.pkgd.Manager1" {
		t.Errorf("got %q", got)
	}
	c := d.connect(t)
	want := map[string]any{
		"Level": "FAULT", "Version": "1.2",
		"Counts": map[string]uint32{"active": 1, "error": 1, "blocked": 0, "waiting": 0, "maintenance": 0, "unknown": 0},
	}
	if diff := cmp.Diff(want, getAll(t, c, "/io/pkgd/Manager1", "io.pkgd.Manager1")); diff != "" {
		t.Error(diff)
	}
	want = map[string]any{"Status": "error", "Code": "disk-full", "Message": "because", "Revision": uint32(3), "Since": uint64(1714521600123456)}
	if diff := cmp.Diff(want, getAll(t, c, "/io/pkgd/packages/web", "io.pkgd.Package1")); diff != "" {
		t.Error(diff)
	}
	v, err := c.Object(bus.Name, bus.PackagePath("my-db")).GetProperty("io.pkgd.Package1.Status")
	if err != nil || v.Value() != "active" {
		t.Errorf("got %v %v", v, err)
	}
}

func getAll(t *testing.T, c *dbus.Conn, path dbus.ObjectPath, iface string) map[string]any {
	t.Helper()
	var all map[string]dbus.Variant
	err := c.Object(bus.Name, path).Call("org.freedesktop.DBus.Properties.GetAll", 0, iface).Store(&all)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for name, v := range all {
		values[name] = v.Value()
	}
	return values
}

func TestWhatIsNotThereIsSaidInTheBusOwnWords(t *testing.T) {
	d := startDaemon(t)
	_, log := offer(t, d.address, newRooms(web("active", "")))
	log.await(t, "on D-Bus")
	c := d.connect(t)
	for _, row := range []struct {
		path           dbus.ObjectPath
		call           string
		args           []any
		name, contains string
	}{
		{"/io/pkgd/packages/db", "Properties.GetAll", []any{"io.pkgd.Package1"}, "UnknownObject", "no object /io/pkgd/packages/db"},
		{"/io/pkgd/Manager1", "Properties.GetAll", []any{"io.pkgd.Package1"}, "UnknownInterface", "no interface"},
		{"/io/pkgd/Manager1", "Properties.Get", []any{"io.pkgd.Manager1", "Levl"}, "UnknownProperty", "no property Levl"},
		{"/io/pkgd/Manager1", "Properties.Set", []any{"io.pkgd.Manager1", "Level", dbus.MakeVariant("OK")}, "PropertyReadOnly", "use pkgd"},
		{"/io/pkgd/packages/db", "Introspectable.Introspect", nil, "UnknownObject", "no object"},
	} {
		err := c.Object(bus.Name, row.path).Call("org.freedesktop.DBus."+row.call, 0, row.args...).Err
		got, ok := err.(dbus.Error)
		if !ok || got.Name != "org.freedesktop.DBus.Error."+row.name || !strings.Contains(got.Error(), row.contains) {
			t.Errorf("%s %s: %#v", row.path, row.call, err)
		}
	}
}

func TestEverythingCanBeFoundByIntrospection(t *testing.T) {
	d := startDaemon(t)
	_, log := offer(t, d.address, newRooms(web("active", "")))
	log.await(t, "on D-Bus")
	c := d.connect(t)
	var paths []string
	var walk func(path string)
	walk = func(path string) {
		paths = append(paths, path)
		var text string
		if err := c.Object(bus.Name, dbus.ObjectPath(path)).Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&text); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var n struct {
			Children []struct {
				Name string `xml:"name,attr"`
			} `xml:"node"`
		}
		if err := xml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatalf("%s: %v in %s", path, err, text)
		}
		for _, child := range n.Children {
			walk(strings.TrimSuffix(path, "/") + "/" + child.Name)
		}
	}
	walk("/")
	want := []string{"/", "/io", "/io/pkgd", "/io/pkgd/Manager1", "/io/pkgd/packages", "/io/pkgd/packages/web"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
}

func TestTransitionsAndChangesAreSignalledAfterTheProperties(t *testing.T) {
	d := startDaemon(t)
	r := newRooms(web("active", ""))
	_, log := offer(t, d.address, r)
	log.await(t, "on D-Bus")
	heard := d.listen(t)
	r.set(web("error", "disk-full"))
	r.turn(api.Transition{Package: "web", Revision: 3, From: "active", To: "error", Code: "disk-full", Message: "No space"}, api.Record{})
	after := web("error", "disk-full")
	r.change = api.Change{ID: "7", Outcomes: []api.Why{
		{Package: "db", Outcome: "done"},
		{Package: "web", Outcome: "reverted", From: 2, To: 3, After: &after},
	}}
	r.tell(t, api.Change{ID: "7", Status: "Doing", Summary: "Refresh web"})
	r.tell(t, api.Change{ID: "7", Status: "Undone", Summary: "Refresh web", Ready: true})
	for _, want := range []struct {
		name string
		body []any
	}{
		{"org.freedesktop.DBus.Properties.PropertiesChanged", nil}, // of the manager
		{"org.freedesktop.DBus.Properties.PropertiesChanged", []any{
			"io.pkgd.Package1", map[string]dbus.Variant{"Status": dbus.MakeVariant("error"), "Code": dbus.MakeVariant("disk-full")}, []string{},
		}},
		{"io.pkgd.Manager1.HealthChanged", []any{"web", uint32(3), "active", "error", "disk-full", "No space"}},
		{"io.pkgd.Manager1.ChangeUpdated", []any{"7", "Doing", "Refresh web"}},
		{"io.pkgd.Manager1.ChangeUpdated", []any{"7", "Undone", "Refresh web"}},
		{"io.pkgd.Manager1.RefreshReverted", []any{"web", uint32(2), uint32(3), "disk-full", "because"}},
	} {
		s := <-heard
		if s.Name != want.name {
			t.Fatalf("got %s %v, want %s", s.Name, s.Body, want.name)
		}
		if diff := cmp.Diff(want.body, s.Body, cmp.Comparer(sameVariant)); want.body != nil && diff != "" {
			t.Error(diff)
		}
	}
}

func sameVariant(a, b dbus.Variant) bool { return a.String() == b.String() }

func TestBusThatIsMissingIsOneLogLineAndNobodyWaits(t *testing.T) {
	r := newRooms()
	b, log := offer(t, "unix:path=/nonexistent/bus", r)
	log.await(t, "not on D-Bus; it is tried again now and then")
	for range 10_000 { // more than is kept for a bus: the rooms do not wait
		r.turn(api.Transition{}, api.Record{})
	}
	if got := b.Describe(); !strings.HasPrefix(got, "cannot reach the bus: ") {
		t.Errorf("got %q", got)
	}
}

func TestAddressMayNameSeveralPlaces(t *testing.T) {
	d := startDaemon(t)
	_, log := offer(t, "unix:abstract=no%20such;"+d.address+",guid=1", newRooms())
	log.await(t, "name="+bus.Name)
}

func TestAddressThatCannotBeReadIsSaid(t *testing.T) {
	for address, want := range map[string]string{
		"tcp:host=localhost":    "is no address of a unix socket",
		"unix:runtime=yes":      "names neither path nor abstract",
		"unix:path=%zz":         "cannot read the address",
		"unix:path=/dev/null":   "cannot reach the bus",
		"unix:path=/tmp;nobus:": "is no address of a unix socket",
	} {
		_, log := offer(t, address, newRooms())
		log.await(t, want)
	}
}

func TestBusThatComesBackIsUsedAgain(t *testing.T) {
	d := startDaemon(t)
	b, log := offer(t, d.address, newRooms(web("active", "")))
	log.await(t, "on D-Bus")
	d.stop()
	log.await(t, "the connection to the bus was lost")
	d.start(t)
	log.await(t, "on D-Bus")
	if got := b.Describe(); got != "connected as io.pkgd.Manager1" {
		t.Errorf("got %q", got)
	}
}

func TestAResumeOfTheHostIsHeardFromLogindAlone(t *testing.T) {
	d := startDaemon(t)
	r := newRooms(web("active", ""))
	_, log := offer(t, d.address, r)
	log.await(t, "on D-Bus")
	logind, other := d.connect(t), d.connect(t)
	if _, err := logind.RequestName("org.freedesktop.login1", 0); err != nil {
		t.Fatal(err)
	}
	say := func(c *dbus.Conn, about bool) {
		t.Helper()
		if err := c.Emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", about); err != nil {
			t.Fatal(err)
		}
		getAll(t, c, "/io/pkgd/Manager1", bus.Name) // so that it has gone out before the next
	}
	say(other, false)
	say(logind, true)
	say(logind, false)
	<-r.resumed
	if len(r.resumed) > 0 {
		t.Error("it is told of more than the one resume")
	}
}

func TestNameThatAnotherTakesIsLoggedAndTakenBackWhenItEnds(t *testing.T) {
	d := startDaemon(t)
	_, log := offer(t, d.address, newRooms())
	log.await(t, "on D-Bus")
	thief := d.connect(t)
	if _, err := thief.RequestName(bus.Name, dbus.NameFlagReplaceExisting); err != nil {
		t.Fatal(err)
	}
	log.await(t, "lost our name on D-Bus to another program")
	if _, err := thief.ReleaseName(bus.Name); err != nil {
		t.Fatal(err)
	}
	log.await(t, "on D-Bus")
}

func TestAddressIsTheHostsOnlyForTheHostsOwnDaemon(t *testing.T) {
	for _, row := range []struct{ root, env, want string }{
		{"/", "", "unix:path=/run/dbus/system_bus_socket"},
		{"/tmp/try", "", ""},
		{"/tmp/try", "unix:path=/x", "unix:path=/x"},
	} {
		if got := bus.Address(row.root, func(string) string { return row.env }); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestBusThatHangsHoldsNeitherTheRoomsNorTheEndUp(t *testing.T) {
	d := startDaemon(t)
	r := newRooms()
	_, log := offer(t, d.address, r)
	log.await(t, "on D-Bus")
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 100_000) // so that the socket is soon full
	for range 1000 {
		r.turn(api.Transition{Message: big}, api.Record{})
	}
	// The test ends only when Run has ended.
}
