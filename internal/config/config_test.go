package config_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"pkgd.io/pkgd/internal/config"
)

var comparable = cmp.Options{
	cmp.Comparer(func(a, b config.Schedule) bool { return reflect.DeepEqual(a, b) }),
	cmpopts.EquateComparable(netip.Prefix{}),
}

func TestMissingFileIsTheDefaults(t *testing.T) {
	c, err := config.Load(filepath.Join(t.TempDir(), "pkgd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Defaults(), c, comparable); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableFileIsAnErrorAndNotTheDefaults(t *testing.T) {
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("a directory was read as configuration")
	}
}

func TestFileWithNothingInItIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n", "listen:\n#  - tcp://127.0.0.1:8092\nhealth:\n"} {
		c, err := config.Parse("pkgd.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(config.Defaults(), c, comparable); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

const everything = `
listen:
  - tcp://127.0.0.1:8092
  - url: unix:///run/pkgd/health.sock
    expose: names
  - url: "tcp://[::1]:8092"
    allow: [10.0.0.0/8, 192.0.2.7, "2001:db8::/32"]
    ignore-proxied: true
    disable-files: [/etc/pkgd/drain]
expose: full
agent-listen: tcp://127.0.0.1:8093
health: {interval: 1m, unhealthy-interval: 10s, concurrency: 3, settle: 0s, bake: 0s}
retain: 5
refresh: {schedule: [02:00-05:00, sat 03:00-04:00], hold: true}
stores: [/srv/packages]
trust: [/etc/pkgd/root.json]
services: embedded
fleet: {url: https://fleet.example, token-file: /etc/pkgd/token, interval: 1m}
`

func TestEveryKeyIsRead(t *testing.T) {
	got, err := config.Parse("pkgd.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := config.ParseSchedule("02:00-05:00", "sat 03:00-04:00")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Listen: []config.Listener{
			{URL: "tcp://127.0.0.1:8092"},
			{URL: "unix:///run/pkgd/health.sock", Expose: "names"},
			{
				URL: "tcp://[::1]:8092", IgnoreProxied: true, DisableFiles: []string{"/etc/pkgd/drain"},
				Allow: []netip.Prefix{
					netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32"),
				},
			},
		},
		Expose:      "full",
		AgentListen: "tcp://127.0.0.1:8093",
		Health:      config.Health{Interval: time.Minute, UnhealthyInterval: 10 * time.Second, Concurrency: 3},
		Retain:      5,
		Refresh:     config.Refresh{Schedule: schedule, Hold: true},
		Stores:      []string{"/srv/packages"},
		Trust:       []string{"/etc/pkgd/root.json"},
		Services:    "embedded",
		Fleet:       config.Fleet{URL: "https://fleet.example", TokenFile: "/etc/pkgd/token", Interval: time.Minute},
	}
	if diff := cmp.Diff(want, got, comparable); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongIsToldWithItsPlaceAndWhatIsAccepted(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "lisen: []\n", `f:1:1: unknown key "lisen"; did you mean "listen"?; accepted: agent-listen,`},
		{"unknown key below", "health:\n  intervall: 5m\n", `f:2:3: unknown key "intervall"; did you mean "interval"?; accepted: bake, concurrency,`},
		{"given twice", "retain: 2\nretain: 3\n", `f:2:1: "retain" is given twice: first in line 1`},
		{"not a mapping", "- retain\n", `f:1:1: a list where a mapping is expected; accepted: agent-listen,`},
		{"second document", "retain: 2\n---\nretain: 3\n", `f:2:1: a second document begins here`},
		{"not YAML", "retain: 2\n: [\n", `f:`},
		{"alias", "stores: &s [/a]\ntrust: *s\n", `f:1:9: anchors and aliases`},
		{"retain too small", "retain: 1\n", `f:1:9: "1" is not accepted here; accepted: a number from 2 to 20`},
		{"retain too large", "retain: 21\n", `f:1:9: "21" is not accepted here; accepted: a number from 2 to 20`},
		{"retain a word", "retain: two\n", `f:1:9: "two" is not accepted here; accepted: a number from 2 to 20`},
		{"duration without unit", "health: {interval: 300}\n", `f:1:20: "300" is not a duration; accepted: a number with its unit`},
		{"interval of nothing", "health: {interval: 0s}\n", `f:1:20: "0s" is out of range`},
		{"settle too long", "health: {settle: 11m}\n", `f:1:18: "11m" is out of range; accepted: 0s to 10m`},
		{"services", "services: sytemd\n", `f:1:11: unknown value "sytemd"; did you mean "systemd"?; accepted: auto, systemd, embedded`},
		{"expose", "expose: everything\n", `f:1:9: unknown value "everything"; accepted: counts, names, full`},
		{"hold", "refresh: {hold: maybe}\n", `f:1:17: "maybe" where true or false is expected; accepted: true, false`},
		{"schedule", "refresh:\n  schedule: 25:00-26:00\n", `f:2:13: "25:00-26:00" is not a window of time; accepted: 02:00-05:00,`},
		{"schedule's second item", "refresh:\n  schedule: [02:00-03:00, mittwoch 03:00-04:00]\n", `f:2:27: "mittwoch" is not a day of the week`},
		{"schedule mixed", "refresh:\n  schedule: [02:00-03:00, 6h]\n", `f:2:13: a schedule is one interval or a list of windows, not both`},
		{"empty window", "refresh: {schedule: 02:00-02:00}\n", `f:1:21: window "02:00-02:00" is empty`},
		{"listen scheme", "listen: [http://127.0.0.1:80]\n", `f:1:10: "http://127.0.0.1:80" is not an address to listen on; accepted: tcp://HOST:PORT, unix:///PATH`},
		{"listen port", "listen: [tcp://127.0.0.1:99999]\n", `f:1:10: port "99999" is not a number from 0 to 65535`},
		{"listen relative", "listen: [unix://run/x]\n", `f:1:10: "unix://run/x" is not unix:// followed by an absolute path`},
		{"listen too long", "listen: [unix:///" + strings.Repeat("x", 107) + "]\n", `f:1:10: the socket's path has 108 bytes, the kernel takes 107`},
		{"listen not a list", "listen: tcp://127.0.0.1:80\n", `f:1:9: "tcp://127.0.0.1:80" where a list is expected; accepted: a list`},
		{"listener without url", "listen:\n  - ignore-proxied: true\n", `f:2:5: a listener needs "url"`},
		{"listener with an empty url", "listen:\n  - url:\n", `f:2:5: a listener needs "url"`},
		{"both files", "listen:\n  - {url: tcp://:1, disable-files: [/a], enable-files: [/b]}\n", `f:2:5: a listener has disable-files or enable-files, not both`},
		{"relative file", "listen:\n  - {url: tcp://:1, disable-files: [a]}\n", `f:2:37: "a" is not an absolute path`},
		{"allow", "listen:\n  - {url: tcp://:1, allow: [example.org]}\n", `f:2:29: "example.org" is not a network; accepted: 10.0.0.0/8,`},
		{"allow on unix", "listen:\n  - {url: unix:///a, allow: [10.0.0.0/8]}\n", `f:2:5: allow is for tcp`},
		{"fleet", "fleet: {url: fleet.example}\n", `f:1:14: "fleet.example" is not the address of a collector`},
		{"store not a string", "stores: [5]\n", `f:1:10: "5" where a string is expected`},
		{"empty store", "stores: ['']\n", `f:1:10: "" is empty or has several lines`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("f", []byte(c.text))
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %s\nwant %s…", err, c.want)
			}
		})
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	_, err := config.Parse("f", []byte("retain: 1\nexpos: full\nhealth: {bake: soon}\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three lines, got:\n%v", err)
	}
}

func TestFileThatIsTooLargeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pkgd.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\n", config.MaxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("got %v", err)
	}
}

func TestUnixSocketsShowAllAndOthersWhatIsConfigured(t *testing.T) {
	c := config.Defaults()
	for _, row := range []struct {
		l    config.Listener
		want string
	}{
		{config.Listener{URL: "tcp://:1"}, "counts"},
		{config.Listener{URL: "tcp://:1", Expose: "names"}, "names"},
		{config.Listener{URL: "unix:///a"}, "full"},
		{config.Listener{URL: "unix:///a", Expose: "counts"}, "counts"},
	} {
		if got := c.ExposeOn(row.l); got != row.want {
			t.Errorf("%+v: got %s, want %s", row.l, got, row.want)
		}
	}
}

func TestListenerAllowsItsNetworksOnly(t *testing.T) {
	l := config.Listener{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}
	for address, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.0.2.1": false, "fe80::1%eth0": true, "::1": false,
	} {
		if got := l.Allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
	if !(config.Listener{}).Allows(netip.MustParseAddr("::1")) {
		t.Error("a listener without networks keeps people out")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("listen: [{url: tcp://:1, allow: [::/0]}]\nrefresh: {schedule: sun 23:59-24:00}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("f", b)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		if c.Retain < 2 || c.Retain > 20 || c.Health.Interval <= 0 || c.Health.Settle < 0 || c.Health.Bake < 0 {
			t.Errorf("accepted %+v", c)
		}
		for _, l := range c.Listen {
			if _, err := config.ParseListener(l.URL); err != nil {
				t.Errorf("accepted %q: %v", l.URL, err)
			}
		}
		now := time.Date(2024, 3, 9, 12, 0, 0, 0, time.UTC)
		if s := c.Refresh.Schedule; !s.IsZero() && !s.Next(now, func() float64 { return 0 }).After(now) {
			t.Error("the schedule stands still")
		}
	})
}
