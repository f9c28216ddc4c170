package servicetest

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
)

// starts is about what a start waits for and what it makes of failures.
var starts = []scenario{
	{"services start in the order of after", startsInOrder},
	{"a start waits for a tcp port", startAwaitsTCP},
	{"a start waits for a unix socket", startAwaitsUnix},
	{"a start waits for a command to succeed", startAwaitsExec},
	{"a service that is late stays activating, and becomes active when it is ready", lateBecomesActive},
	{"a service that ends before it is ready holds up nobody", earlyEndSettles},
	{"the end of a ready command ends nothing else", readyCommandEndsAlone},
	{"a command that does not exist is a failed service, not a failed start", missingCommandFails},
	{"a user that does not exist is a failed service, not a failed start", missingUserFails},
	{"one service that fails does not keep the others from starting", failureIsAlone},
	{"status does not wait for a hanging start, and a stop ends it", hangingStartIsEnded},
	{"a start whose context ends leaves what runs", startIsGivenUp},
}

func startsInOrder(h *house) {
	g := h.gate("gate")
	unit := func(name string, after ...string) service.Unit {
		u := h.unit(name, say(name+" up")+`; [ `+name+` != a ] || `+g.wait()+`; : >$D/`+name+`; exec sleep 1000`)
		u.After = after
		u.Ready = &pkginfo.Ready{Exec: "/usr/bin/test -e " + u.Confine.Data + "/" + name}
		return u
	}
	started := later(func() error {
		return h.m.Start(h.ctx, []service.Unit{unit("c", "b"), unit("b", "a", "not-there"), unit("a")})
	})
	h.said.want("a up")
	h.said.quiet()
	g.open()
	h.said.want("b up", "c up")
	must(h.t, h.answer(started))
	for _, name := range []string{"a", "b", "c"} {
		h.wantState(name, service.Active)
	}
}

func startAwaitsTCP(h *house) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(h.t, err)
	address := l.Addr().String()
	must(h.t, l.Close())
	h.startAwaits("tcp", address, &pkginfo.Ready{TCP: address})
}

func startAwaitsUnix(h *house) {
	socket := filepath.Join(h.dirs.DataRevision(pkg, 1), "s")
	h.startAwaits("unix", socket, &pkginfo.Ready{Unix: "$D/s"})
}

// startAwaits starts a service that listens when its gate is opened.
func (h *house) startAwaits(network, address string, ready *pkginfo.Ready) {
	h.t.Helper()
	g := h.gate("gate")
	u := h.listener("a", network, address, g.path)
	u.Ready = ready
	started := later(func() error { return h.m.Start(h.ctx, []service.Unit{u}) })
	h.await("a", "a process", func(s service.Status) bool { return s.PID != 0 })
	h.wantState("a", service.Activating)
	g.open()
	must(h.t, h.answer(started))
	h.wantState("a", service.Active)
	c, err := net.Dial(network, address)
	must(h.t, err)
	must(h.t, c.Close())
}

func startAwaitsExec(h *house) {
	g := h.gate("gate")
	u := h.unit("a", g.wait()+`; : >$D/ready; exec sleep 1000`)
	u.Ready = &pkginfo.Ready{Exec: "/usr/bin/test -e " + u.Confine.Data + "/ready"}
	started := later(func() error { return h.m.Start(h.ctx, []service.Unit{u}) })
	h.await("a", "a process", func(s service.Status) bool { return s.PID != 0 })
	h.wantState("a", service.Activating)
	g.open()
	must(h.t, h.answer(started))
	h.wantState("a", service.Active)
}

func lateBecomesActive(h *house) {
	g := h.gate("gate")
	u := h.unit("a", g.wait()+`; : >$D/ready; exec sleep 1000`)
	u.Ready = &pkginfo.Ready{Exec: "/usr/bin/test -e " + u.Confine.Data + "/ready", Timeout: 100 * time.Millisecond}
	h.start(u)
	s := h.wantState("a", service.Activating)
	if !strings.Contains(s.Detail, "not ready") || s.PID == 0 {
		h.t.Errorf("unlikely status %+v", s)
	}
	g.open()
	if got := h.awaitState("a", service.Active); got.PID != s.PID {
		h.t.Errorf("process %d is ready, %d was late", got.PID, s.PID)
	}
}

func earlyEndSettles(h *house) {
	a, b := h.unit("a", "exit 3"), h.unit("b", up("b"))
	a.Ready = &pkginfo.Ready{Exec: "/bin/false", Timeout: time.Hour}
	b.After = []string{"a"}
	h.start(a, b)
	h.said.want("b up")
	h.wantState("a", service.Failed)
}

func readyCommandEndsAlone(h *house) {
	u := h.unit("a", up("a"))
	u.Ready = &pkginfo.Ready{Exec: "/bin/true"}
	h.start(u)
	h.said.want("a up")
	s := h.wantState("a", service.Active)
	h.start(u)
	if got := h.wantState("a", service.Active); got.PID != s.PID {
		h.t.Errorf("the ready command ended process %d", s.PID)
	}
	h.said.quiet()
}

func missingCommandFails(h *house) {
	for i, command := range []string{"/no/such/program", h.dirs.Root} {
		u := h.unit(fmt.Sprintf("a%d", i), "")
		u.Command = []string{command}
		u.Restart = service.RestartOnFailure
		h.start(u)
		if s := h.awaitState(u.Name, service.Failed); s.Detail == "" || s.PID != 0 {
			h.t.Errorf("unlikely status %+v", s)
		}
	}
}

func missingUserFails(h *house) {
	u := h.unit("a", up("a"))
	u.User = "nobody-of-that-name"
	h.start(u)
	if s := h.awaitState("a", service.Failed); s.Detail == "" {
		h.t.Errorf("unlikely status %+v", s)
	}
	h.said.quiet()
}

func failureIsAlone(h *house) {
	a, b, c := h.unit("a", "exit 1"), h.unit("b", up("b")), h.unit("c", up("c"))
	b.After, c.After = []string{"a"}, []string{"b"}
	a.Command = []string{"/no/such/program"}
	h.start(a, b, c)
	h.awaitState("a", service.Failed)
	h.wantState("b", service.Active)
	h.wantState("c", service.Active)
}

func hangingStartIsEnded(h *house) {
	u := h.unit("a", up("a"))
	u.Ready = &pkginfo.Ready{Exec: "/bin/false", Timeout: time.Hour}
	started := later(func() error { return h.m.Start(h.ctx, []service.Unit{u}) })
	h.said.want("a up")
	pid := h.await("a", "a process", func(s service.Status) bool { return s.PID != 0 }).PID
	h.wantState("a", service.Activating)
	h.stop()
	must(h.t, h.answer(started))
	h.wantState("a", service.Inactive)
	h.wantGone(pid)
}

func startIsGivenUp(h *house) {
	u := h.unit("a", up("a"))
	u.Ready = &pkginfo.Ready{Exec: "/bin/false", Timeout: time.Hour}
	ctx, cancel := context.WithCancel(h.ctx)
	started := later(func() error { return h.m.Start(ctx, []service.Unit{u}) })
	h.said.want("a up")
	cancel()
	if err := h.answer(started); err == nil {
		h.t.Error("a start whose context ended says it is done")
	}
	h.wantState("a", service.Activating)
}
