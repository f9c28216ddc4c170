package statuspage

import (
	"net/netip"
	"sync"

	"pkgd.io/pkgd/internal/osutil"
)

// watchers are who has a stream open, counted by party: none of them may take all
// the room. Who comes by a unix socket is one, and may be anybody of this host.
type watchers struct {
	mu sync.Mutex // guards what follows
	n  int
	of map[string]int
}

// enter counts one more of a party in, unless there are too many: of all, or of
// that party more than a quarter of all.
func (w *watchers) enter(party string, most int) (many string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.n >= most:
		return "too many are watching already"
	case w.of[party] >= max(most/4, 1):
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
	if err != nil {
		return ""
	}
	return osutil.PartyOf(from.Addr())
}
