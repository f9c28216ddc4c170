package daemon

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/daemon/httpserver"
	"pkgd.io/pkgd/internal/daemon/socket"
)

// How many connections a socket has at a time. On the admin socket a user needs
// few; on the ctl socket each hook, service and app that has something to say has
// one, most of them as root.
const (
	maxConnections  = 128 // of one user, on the admin socket
	maxOthers       = 512 // of all users but root and the daemon's own, on either
	maxOthersOfUser = 128
	maxCtl          = 4096 // of root and the daemon's own user, on the ctl socket
)

// crowds are who is connected to a socket: root and the daemon's own user apart
// from the others, who therefore never can shut them out.
type crowds struct {
	own, others *httpserver.Crowd
	// unseen is how many of our own are let in before it matters who they are:
	// from then on packages' processes count apart, so that none of them can shut
	// out the admin who wants to remove it. 0: it never matters.
	unseen int
}

func adminCrowds() crowds {
	return crowds{
		own:    httpserver.NewCrowd(fair(2*maxConnections), maxConnections),
		others: httpserver.NewCrowd(fair(maxOthers), maxOthersOfUser),
		unseen: maxConnections / 2,
	}
}

func ctlCrowds() crowds {
	return crowds{
		own:    httpserver.NewCrowd(fair(maxCtl), maxCtl),
		others: httpserver.NewCrowd(fair(maxOthers), maxOthersOfUser),
	}
}

// fair is n, or less where the daemon may have few descriptors: no crowd takes
// more than an eighth of them.
func fair(n int) int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur/8 < uint64(n) {
		return max(int(limit.Cur/8), 8)
	}
	return n
}

const own, packages = "own", "packages"

// enter gives a peer's connection its seat, or nil.
func (c *crowds) enter(p *socket.Peer, hangUp func()) *httpserver.Seat {
	if p.UID != 0 && p.UID != uint32(os.Getuid()) {
		return c.others.Enter(strconv.Itoa(int(p.UID)), hangUp)
	}
	if c.unseen > 0 && c.own.Of(own) >= c.unseen && p.PID > 0 && ofPackage(p.PID) {
		return c.own.Enter(packages, hangUp)
	}
	return c.own.Enter(own, hangUp)
}
