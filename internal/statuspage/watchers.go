package statuspage

import (
	"net/netip"
	"sync"

	"pkgd.io/pkgd/internal/osutil"
)

// watchers are who has a stream open, counted by party: none of them may take all
// the room.
type watchers struct {
	mu sync.Mutex // guards what follows
	n  int
	of map[string]int
}

// thisHost is the party of who comes by a unix socket or from a loopback address:
// anybody of this host, and everybody whom a proxy on it asks for.
const thisHost = ""

// enter counts one more of a party in, unless there are too many: of all, or of
// that party more than a quarter of all. This host may have all but a quarter.
func (w *watchers) enter(party string, most int) (many string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	each := max(most/4, 1)
	if party == thisHost {
		each = max(most-each, 1)
	}
	switch {
	case w.n >= most:
		return "too many are watching already"
	case w.of[party] >= each:
		return "too many are watching from your address already"
	}
	w.n++
	w.of[party]++
	return ""
}

func (w *watchers) leave(party string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	if w.of[party]--; w.of[party] == 0 {
		delete(w.of, party)
	}
}

// partyOf is who watches from an address, as [http.Request] has it.
func partyOf(remote string) string {
	from, err := netip.ParseAddrPort(remote)
	if err != nil || from.Addr().Unmap().IsLoopback() {
		return thisHost
	}
	return osutil.PartyOf(from.Addr())
}
