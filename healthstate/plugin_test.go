package healthstate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/healthstate"
	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/api"
)

func TestAMonitoringPluginIsACheckAsItStands(t *testing.T) {
	tests := map[string]struct {
		res  hookrunner.Result
		want api.Check
	}{
		"ok": {
			hookrunner.Result{Stdout: []byte("PING OK - Packet loss = 0%, RTA = 0.80 ms | percent_packet_loss=0;20;60;0;100 rta=0.80ms\n")},
			api.Check{Health: "passed", Message: "PING OK - Packet loss = 0%, RTA = 0.80 ms", Data: map[string]string{
				"percent_packet_loss": "0", "percent_packet_loss.warn": "20", "percent_packet_loss.crit": "60",
				"percent_packet_loss.min": "0", "percent_packet_loss.max": "100", "rta": "0.80ms",
			}},
		},
		"warning": {
			hookrunner.Result{ExitCode: 1, Stdout: []byte("DISK WARNING")},
			api.Check{Health: "warn", Message: "DISK WARNING", Data: map[string]string{}},
		},
		"critical, long output, performance data at its end": {
			hookrunner.Result{ExitCode: 2, Stdout: []byte("DISK CRITICAL | /=2643MB;5948;5958;0;5968\n/ 15272 MB (77%);\n/boot 68 MB (69%); | /boot=68MB;88;93;0;98\n/home=69357MB;253404;253409;0;253414\n")},
			api.Check{Health: "fail", Message: "DISK CRITICAL", Data: map[string]string{
				"/": "2643MB", "/.warn": "5948", "/.crit": "5958", "/.min": "0", "/.max": "5968",
				"/boot": "68MB", "/boot.warn": "88", "/boot.crit": "93", "/boot.min": "0", "/boot.max": "98",
				"/home": "69357MB", "/home.warn": "253404", "/home.crit": "253409", "/home.min": "0", "/home.max": "253414",
			}},
		},
		"unknown counts as warn": {
			hookrunner.Result{ExitCode: 3, Stdout: []byte("usage: check_x")},
			api.Check{Health: "warn", Message: "usage: check_x", Data: map[string]string{}},
		},
		"another exit code is a plug-in that is broken": {
			hookrunner.Result{ExitCode: 127, LastStderr: "perl: not found"},
			api.Check{Health: "fail", Message: "exited with status 127: perl: not found", Data: map[string]string{}},
		},
		"a signal": {
			hookrunner.Result{ExitCode: 139, Signal: "SIGSEGV"},
			api.Check{Health: "fail", Message: "was killed by SIGSEGV", Data: map[string]string{}},
		},
		"a plug-in that hangs": {
			hookrunner.Result{TimedOut: true, Timeout: 30 * time.Second, Stdout: []byte("so far so good")},
			api.Check{Health: "fail", Message: "did not end within 30s", Data: map[string]string{}},
		},
		"nothing printed": {hookrunner.Result{}, api.Check{Health: "passed", Data: map[string]string{}}},
		"control characters do not get through": {
			hookrunner.Result{Stdout: []byte("\x1b[31mOK\x1b[0m\x00 \xff fine\r\n")},
			api.Check{Health: "passed", Message: "[31mOK [0m  \uFFFD fine", Data: map[string]string{}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.want.Name = "check_x"
			if diff := cmp.Diff(tt.want, healthstate.PluginCheck("check_x", tt.res)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPerformanceDataThatIsMalformedSpoilsOnlyItself(t *testing.T) {
	tests := map[string]map[string]string{
		"a=1 b= c=x =3 d=2s":               {"a": "1", "d": "2s"},
		"'with space'=1 'it''s'=2;;3":      {"with space": "1", "it's": "2", "it's.crit": "3"},
		"a=U b=-1.5 c=+2 d=1e5 e=1.2.3":    {"a": "U", "b": "-1.5", "c": "+2", "d": "1e5"},
		"a=1 'open=2 b=3":                  {"a": "1"},
		"a=5%;@10:20;~:30;0;100":           {"a": "5%", "a.warn": "@10:20", "a.crit": "~:30", "a.min": "0", "a.max": "100"},
		"a=1;rm -rf;x b=2":                 {"a": "1", "b": "2"},
		"a=1 a=2":                          {"a": "2"},
		"''=1 a=2":                         {"a": "2"},
		"a=NaN b=Inf c=0x10":               {},
		strings.Repeat("x", 70) + "=1 a=2": {"a": "2"},
	}
	for in, want := range tests {
		if _, got := healthstate.ParsePlugin("OK|" + in); !cmp.Equal(want, got) {
			t.Errorf("%q:\n%s", in, cmp.Diff(want, got))
		}
	}
	_, many := healthstate.ParsePlugin("OK|" + strings.Repeat("a1=1;2;3;4;5 b=1;2;3;4;5 c=1;2;3;4;5 d=1;2;3;4;5 e=1;2 f=1;2 ", 1))
	if len(many) != healthstate.MaxData || many["f"] != "1" {
		t.Errorf("%d data, f=%q: values come before thresholds", len(many), many["f"])
	}
}

func FuzzPlugin(f *testing.F) {
	f.Add("check_ping", "PING OK | 'rta x'=0.80ms;1;2;3;4\nmore | b=U", 0)
	f.Add("a\n", "|''''=''", 3)
	f.Fuzz(func(t *testing.T, name, out string, exit int) {
		c := healthstate.PluginCheck(name, hookrunner.Result{Stdout: []byte(out), ExitCode: exit})
		if _, err := healthstate.NewCheck(c.Name, c.Health, c.Message, c.QoS, c.Data); err != nil {
			t.Errorf("%q gives a check that is refused: %v", out, err)
		}
	})
}

func TestAPluginSpeaksByItsExitStatusAlone(t *testing.T) {
	c, _, err := hookrunner.NewContexts().Open(hookrunner.Spec{Package: "web", Revision: 1, Hook: "health.d/disk", Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := healthstate.SetHealth(c, "error", "", "full", nil); err == nil || !strings.Contains(err.Error(), "by its exit status") {
		t.Errorf("a plug-in that sets the status: %v", err)
	}
	if err := healthstate.AddCheck(c, "inodes", "warn", "few", nil, nil); err != nil {
		t.Errorf("a plug-in that adds a check: %v", err)
	}
}

func TestNoChecksAreAnEmptyListAndNotNull(t *testing.T) {
	if list := healthstate.MergeChecks(nil, nil); list == nil {
		t.Error("null in JSON")
	}
}
