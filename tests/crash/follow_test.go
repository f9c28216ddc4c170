package crash

import (
	"slices"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/world"
)

// next is the version that comes after all that deeds leave.
const next = "50"

// followUps are what an admin asks for once a host is back.
var followUps = []func(h *host, installed bool){
	func(h *host, _ bool) { h.arrives() },
	func(h *host, installed bool) {
		if !installed {
			h.arrives()
		}
		h.isSet("77")
	},
	func(h *host, installed bool) {
		if installed {
			h.removed(false)
		}
		h.arrives()
	},
	func(h *host, installed bool) {
		if !installed {
			h.arrives()
		}
		h.removed(true)
	},
}

// follows checks that a host on which somebody died can be worked on: nothing
// that died keeps a name, a file or a service.
func (h *host) follows(n int) {
	h.Helper()
	info, err := h.Client.Package(h.Ctx(), "web")
	if err == nil && slices.ContainsFunc(info.Services, func(s api.Service) bool { return s.State != "active" }) {
		id, err := h.Client.ServiceAction(h.Ctx(), api.ServiceRequest{Action: "start", Names: []string{"web"}})
		h.succeeds(id, err) // an admin had stopped it
	}
	followUps[n%len(followUps)](h, err == nil)
	h.NoLeftovers()
}

// succeeds waits for a change that nothing hinders.
func (h *host) succeeds(id string, err error) {
	h.Helper()
	var chg api.Change
	if err == nil {
		chg, err = h.Client.WaitChange(h.Ctx(), id)
	}
	if err == nil {
		err = world.Failure(chg)
	}
	if err != nil {
		h.Fatalf("after a death: %v\n%s", err, h.Said)
	}
}

// arrives brings the next version, and looks for it.
func (h *host) arrives() {
	h.Helper()
	action := "refresh"
	if _, err := h.Client.Package(h.Ctx(), "web"); err != nil {
		action = "install"
	}
	h.MustDo(action, h.Pack(next, world.Well))
	info, err := h.Client.Package(h.Ctx(), "web")
	if err != nil || info.Version != next {
		h.Fatalf("web is %s (%v), want %s\n%s", info.Version, err, next, h.Said)
	}
	rev := strconv.Itoa(info.Revision)
	if n, of := h.Serving(); n != 1 || of != rev {
		h.Errorf("%d services run, the last of revision %q; want one of %s", n, of, rev)
	}
	if got := h.Read(h.Dirs.DataRevision("web", info.Revision) + "/schema"); got != next {
		h.Errorf("data are of version %s, want %s", got, next)
	}
	h.HasPort(next)
	h.IsTrulyActive(info.Revision)
}

func (h *host) isSet(port string) {
	h.Helper()
	id, err := h.Client.SetConfig(h.Ctx(), "web", api.ConfigRequest{"port": []byte(port)})
	h.succeeds(id, err)
	h.HasPort(port)
}

// removed takes web away, with purge all that it had.
func (h *host) removed(purge bool) {
	h.Helper()
	answer, err := h.Client.Do(h.Ctx(), api.PackageRequest{Action: "remove", Targets: []string{"web"}, Purge: purge})
	h.succeeds(answer.Change, err)
	if n, _ := h.Serving(); n != 0 {
		h.Errorf("%d services run", n)
	}
	for _, line := range h.Look() {
		name, onDisk := strings.CutPrefix(line, "disk: lib/pkgd/")
		if onDisk && (strings.HasPrefix(name, "packages/web/") || purge && strings.Contains(name, "/web")) {
			h.Errorf("left over: %s", line)
		}
	}
}
