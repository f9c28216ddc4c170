package daemon

import (
	"context"
	"net/http"

	"pkgd.io/pkgd/internal/daemon/socket"
)

// RouteInfo is a route as tests compare it with what is described.
type RouteInfo struct{ Method, Path, Access, Params string }

// Routes lists what the daemon serves.
func Routes() []RouteInfo {
	var all []RouteInfo
	for _, t := range routes() {
		all = append(all, RouteInfo{t.method, t.path, [...]string{"anyone", "admin", "owner"}[t.access], t.params})
	}
	return all
}

// Backlog and MaxConnections are the limits that tests go beyond.
const (
	Backlog        = backlog
	MaxConnections = maxConnections
	MaxOthers      = maxOthersOfUser
)

// ServeWithBroken serves as Serve does, with one of the sockets closed under it.
func (d *Daemon) ServeWithBroken(ctx context.Context, name string) error {
	adminSocket, ctlSocket, err := d.open()
	if err != nil {
		return err
	}
	broken := map[string]*socket.Socket{"admin": adminSocket, "ctl": ctlSocket}[name]
	if err := broken.UnixListener.Close(); err != nil {
		return err
	}
	return d.serveOn(ctx, adminSocket, ctlSocket)
}

// IsPackageCgroup reads what /proc/PID/cgroup may say.
func IsPackageCgroup(text string) bool { return cgroups.MatchString(text) }

// ServeAs answers a request as if it had come from p.
func (d *Daemon) ServeAs(p *socket.Peer, w http.ResponseWriter, r *http.Request) {
	d.serveAdmin(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, p)))
}
