package daemon

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strconv"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon/socket"
	"pkgd.io/pkgd/internal/osutil"
)

type peerKey struct{}

// peerOf gives the peer of the connection that brought r.
func peerOf(r *http.Request) *socket.Peer {
	p, ok := r.Context().Value(peerKey{}).(*socket.Peer)
	if !ok {
		panic("internal error: request without a peer")
	}
	return p
}

// connContext is the http.Server.ConnContext of the admin socket.
func connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, c.(*peerConn).peer)
}

// access is who may use a route.
type access int

const (
	anyone access = iota // every local user: health, lists, what changes there were
	admin                // root, the daemon's own user, group pkgd: changes, configuration, output
	owner                // root and the daemon's own user: the daemon's inside
)

// adminGroup is root's equal here, which the reference says aloud.
const adminGroup = "pkgd"

// guard decides who may do what. Group is looked up each time it matters: it
// may be made while the daemon runs.
type guard struct {
	group string
}

// check gives nil where the peer has the access that a route wants, and an
// *api.Error otherwise.
func (g *guard) check(p *socket.Peer, want access) error {
	if want == anyone {
		return nil
	}
	if !g.entitled(p, want) {
		return forbidden(fmt.Sprintf("only %s may do this", whoMay(want)), "ask as root, for example with sudo")
	}
	if p.PID == 0 {
		return nil // not of our pid namespace, so not of our hooks and services
	}
	if ofPackage(p.PID) {
		return forbidden("a hook, service or app of a package may not do this", "from a package use ctl, which acts on that package alone")
	}
	// Only now: until here the pid may have come to mean another process.
	if p.Gone() {
		return forbidden("the process that connected has ended, so that nobody can tell who is asking", "ask with a connection of your own")
	}
	return nil
}

func whoMay(want access) string {
	if want == owner {
		return "root"
	}
	return "root and members of group " + adminGroup
}

func forbidden(message, hint string) error {
	return &api.Error{Kind: api.ErrForbidden, Message: message, Hint: hint}
}

// entitled goes by user and groups alone.
func (g *guard) entitled(p *socket.Peer, want access) bool {
	if p.UID == 0 || p.UID == uint32(os.Getuid()) {
		return true
	}
	if want == owner {
		return false
	}
	found, err := user.LookupGroup(g.group)
	if err != nil {
		return false
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	return err == nil && (p.GID == uint32(gid) || slices.Contains(p.Groups, uint32(gid)))
}

// ofPackage says whether a process came out of a hook, service or app. It looks
// three ways, because a process can leave its parents, its environment or (by a
// service manager's hand) its cgroup behind, but hardly all of them.
func ofPackage(pid int) bool {
	return osutil.IsDescendant(pid) || hasCookie(pid) || hasCgroup(pid)
}

// hasCookie looks for a cookie in what the process was started with.
func hasCookie(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.HasPrefix(entry, []byte("PKG_COOKIE=")) {
			return true
		}
	}
	return false
}

// cgroups are the paths of the groups that runs of hooks get from osutil, and
// services from the embedded supervisor or from systemd.
var cgroups = regexp.MustCompile(`/pkgd-[0-9a-f]{12}/(hooks|services)/|/pkgd(-[0-9a-f]{8})?\.[^/]+\.[^/]+\.r[0-9]+\.service(/|\n|$)`)

func hasCgroup(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return err == nil && cgroups.Match(b)
}

// isAdmin says whether the answer to r may hold what hooks printed.
func (d *Daemon) isAdmin(r *http.Request) bool { return d.guard.check(peerOf(r), admin) == nil }
