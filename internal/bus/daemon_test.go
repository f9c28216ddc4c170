package bus_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"pkgd.io/pkgd/internal/bus"
	"pkgd.io/pkgd/internal/needs"
)

// busDaemon is a private dbus-daemon.
type busDaemon struct {
	address, config string
	cmd             *exec.Cmd
}

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>ADDRESS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <allow own="org.freedesktop.login1"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="*"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  POLICY
</busconfig>
`

// startDaemon starts one with the policy of a system bus and, where tests run as
// root, our own policy file on top; else everybody may own what they like.
func startDaemon(t *testing.T) *busDaemon {
	t.Helper()
	needs.Program(t, "dbus-daemon", "dbus")
	dir, err := os.MkdirTemp("/tmp", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	policy := `<policy context="default"><allow own="*"/><allow send_destination="*"/></policy>`
	if os.Getuid() == 0 {
		path, err := filepath.Abs("../../packaging/dbus/io.pkgd.Manager1.conf")
		if err != nil {
			t.Fatal(err)
		}
		policy = "<include>" + path + "</include>"
	}
	d := &busDaemon{address: "unix:path=" + dir + "/bus", config: filepath.Join(dir, "conf")}
	text := strings.NewReplacer("ADDRESS", d.address, "POLICY", policy).Replace(busConfig)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start(t)
	t.Cleanup(d.stop)
	return d
}

func (d *busDaemon) start(t *testing.T) {
	t.Helper()
	d.cmd = exec.Command("dbus-daemon", "--config-file="+d.config, "--print-address", "--nofork", "--nopidfile")
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal("dbus-daemon did not start:", err)
	}
}

func (d *busDaemon) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
		d.cmd = nil
	}
}

// connect gives a client of the bus.
func (d *busDaemon) connect(t *testing.T) *dbus.Conn {
	t.Helper()
	c, err := dbus.Connect(d.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listen gives the signals that pkgd sends.
func (d *busDaemon) listen(t *testing.T) <-chan *dbus.Signal {
	t.Helper()
	c := d.connect(t)
	if err := c.AddMatchSignal(dbus.WithMatchSender(bus.Name)); err != nil {
		t.Fatal(err)
	}
	all, wanted := make(chan *dbus.Signal, 100), make(chan *dbus.Signal, 100)
	c.Signal(all)
	go func() {
		for s := range all {
			if s.Path != "/org/freedesktop/DBus" {
				wanted <- s
			}
		}
	}()
	return wanted
}
