package hostile

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/daemontest"
)

// world is a daemon that listens everywhere, with a package that has everything
// and that keeps secrets.
type world struct {
	*daemontest.Host
	t             *testing.T
	probes, agent string // addresses
	health        string // the public unix socket
	cookie        string // of an app of web
}

// secret is in web's configuration and in what its service and its hook print, but
// for the last line of a hook that fails: that is its message. It may not reach who
// is no admin.
const secret = "k3y"

// worlds counts them, for addresses of their own.
var worlds atomic.Int64

const config = `health: {interval: 1h, settle: 300ms, bake: 0s}
services: embedded
listen: [%q, %q]
agent-listen: %q
`

// newWorld starts the daemon, with web installed and one refresh taken back.
func newWorld(t *testing.T) *world {
	t.Helper()
	// An address for this world alone: ports may then be what they like.
	address := fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()>>8&63, os.Getpid()&255, 1+worlds.Add(1)%250)
	w := &world{t: t, probes: address + ":8092", agent: address + ":8093"}
	w.Host = daemontest.New(t, bin, "")
	w.health = filepath.Join(w.Dirs.Run(), "health.sock")
	w.Write(w.Dirs.Config(), fmt.Sprintf(config, "tcp://"+w.probes, "unix://"+w.health, "tcp://"+w.agent), 0o644)
	return w
}

const webManifest = `name: web
version: %q
summary: A web server
services: {serve: {command: bin/serve}}
apps: {tool: {command: bin/serve}}
`

// furnish installs web, and makes a refresh of it fail.
func (w *world) furnish() {
	w.t.Helper()
	w.Start()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		w.t.Fatal(err)
	}
	files := func(health string) map[string]string {
		return map[string]string{
			"bin/agent":               string(self),
			"bin/serve":               "#!/bin/sh\necho k3y of the service\nexec agent play wait $(dirname $PKGD_CTL_SOCKET)/pkgd.socket $PKG_COMMON/service-asks $PKG_COMMON/service-hears\n",
			"meta/hooks/check-health": "#!/bin/sh\necho k3y of the hook\n" + askHook + health + "\n",
		}
	}
	good := w.Tree(fmt.Sprintf(webManifest, "1.0"), files("ctl set-health active"))
	w.Do("install", good)
	id, err := w.Client.SetConfig(w.Context(), "web", api.ConfigRequest{"password": []byte(`"k3y of the configuration"`)})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Client.WaitChange(w.Context(), id); err != nil {
		w.t.Fatal(err)
	}
	bad := w.Tree(fmt.Sprintf(webManifest, "2.0"), files("echo k3y of an error >&2; echo the last line >&2; exit 1"))
	if chg := w.Try("refresh", bad); chg.Status == "Done" {
		w.t.Fatalf("the bad revision is kept: %+v", chg)
	}
	x, err := w.Client.Exec(w.Context(), api.ExecRequest{Package: "web", App: "tool"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.cookie = cookieOf(x.Env)
}

// askHook asks what is to be asked in the hook, itself and by an orphan, which
// has to be done before the hook ends.
const askHook = `S=$(dirname $PKGD_CTL_SOCKET)/pkgd.socket C=$PKG_COMMON
[ ! -e $C/hook-asks ] || bin/agent play ask $S $C/hook-asks $C/hook-hears
[ ! -e $C/orphan-asks ] || { bin/agent play orphan $S $C/orphan-asks $C/orphan-hears; n=0; while [ ! -e $C/orphan-hears ] && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.1; done; }
`

// dialer connects to an address of a network from another one of this machine,
// where one is given.
type dial func() (net.Conn, error)

func dialer(network, address, from string) dial {
	var d net.Dialer
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return func() (net.Conn, error) { return d.Dial(network, address) }
}
