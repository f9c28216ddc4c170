package servicetest

import (
	"slices"
	"syscall"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/internal/service"
)

// life is about what a service's status says from its first start to its end.
var life = []scenario{
	{"a started service is active and has a process", startedIsActive},
	{"a stopped service is inactive and its process is gone", stoppedIsGone},
	{"a second start leaves the running service alone", secondStartDoesNothing},
	{"a second stop, or one of an unknown service, does nothing", secondStopDoesNothing},
	{"a restart gives a new process and counts nothing", restartGivesNewProcess},
	{"the next revision takes the place of the one that runs", nextRevisionTakesPlace},
	{"status tells of all services, sorted, and of one package's", statusIsSorted},
	{"enabling is remembered and starts nothing", enablingStartsNothing},
	{"a forgotten service is not known any more", forgottenIsUnknown},
	{"events tell a life in order", eventsTellLife},
	{"a unit that makes no sense is refused", nonsenseIsRefused},
	{"ping answers until shutdown", pingAnswers},
}

func startedIsActive(h *house) {
	h.start(h.unit("a", up("a")))
	h.said.want("a up")
	s := h.wantState("a", service.Active)
	if syscall.Kill(s.PID, 0) != nil || s.Restarts != 0 || s.Revision != 1 || s.Since.IsZero() {
		h.t.Errorf("unlikely status %+v", s)
	}
}

func stoppedIsGone(h *house) {
	h.start(h.unit("a", up("a")))
	h.said.want("a up")
	pid := h.status("a").PID
	h.stop()
	h.wantGone(pid)
	if s := h.wantState("a", service.Inactive); s.PID != 0 {
		h.t.Errorf("a stopped service has a process: %+v", s)
	}
}

func secondStartDoesNothing(h *house) {
	u := h.unit("a", up("a"))
	h.start(u)
	h.said.want("a up")
	pid := h.status("a").PID
	h.start(u)
	h.said.quiet()
	if got := h.wantState("a", service.Active).PID; got != pid {
		h.t.Errorf("the second start made process %d of %d", got, pid)
	}
}

func secondStopDoesNothing(h *house) {
	h.start(h.unit("a", up("a")))
	h.stop()
	h.stop()
	h.stop("a", "nobody")
	must(h.t, h.m.Stop(h.ctx, "nobody", nil))
	h.wantState("a", service.Inactive)
}

func restartGivesNewProcess(h *house) {
	u := h.unit("a", up("a"))
	h.start(u)
	h.said.want("a up")
	pid := h.status("a").PID
	must(h.t, h.m.Restart(h.ctx, []service.Unit{u}))
	h.said.want("a up")
	h.wantGone(pid)
	if s := h.wantState("a", service.Active); s.PID == pid || s.Restarts != 0 {
		h.t.Errorf("unlikely status after a restart by hand: %+v", s)
	}
}

func nextRevisionTakesPlace(h *house) {
	h.start(h.unit("a", up("one")))
	h.said.want("one up")
	pid := h.status("a").PID
	h.start(h.unitOf(pkg, 2, "a", up("two")))
	h.said.want("two up")
	h.wantGone(pid)
	if s := h.wantState("a", service.Active); s.Revision != 2 {
		h.t.Errorf("revision %d runs, want 2", s.Revision)
	}
	h.stop()
	h.start(h.unit("a", up("one")))
	h.said.want("one up")
	if s := h.wantState("a", service.Active); s.Revision != 1 {
		h.t.Errorf("revision %d runs, want 1 again", s.Revision)
	}
}

func statusIsSorted(h *house) {
	h.start(h.unit("b", up("x")), h.unit("a", up("x")), h.unitOf("db", 7, "a", up("x")))
	names := func(pkg string) []string {
		all, err := h.m.Status(h.ctx, pkg)
		must(h.t, err)
		var ids []string
		for _, s := range all {
			ids = append(ids, service.ID(s.Package, s.Name))
		}
		return ids
	}
	want := map[string][]string{"": {"db.a", "web.a", "web.b"}, "web": {"web.a", "web.b"}, "nobody": nil}
	for pkg, ids := range want {
		if diff := cmp.Diff(ids, names(pkg)); diff != "" {
			h.t.Errorf("status of %q (-want +got):\n%s", pkg, diff)
		}
	}
}

func enablingStartsNothing(h *house) {
	u := h.unit("a", up("a"))
	must(h.t, h.m.Enable(h.ctx, []service.Unit{u}))
	if s := h.wantState("a", service.Inactive); !s.Enabled {
		h.t.Error("an enabled service is not")
	}
	u.Enabled = true
	h.start(u)
	h.stop()
	if s := h.status("a"); !s.Enabled {
		h.t.Error("a stop disabled the service")
	}
	must(h.t, h.m.Disable(h.ctx, pkg, []string{"a"}))
	must(h.t, h.m.Disable(h.ctx, pkg, nil))
	if s := h.status("a"); s.Enabled {
		h.t.Error("a disabled service is enabled")
	}
}

func forgottenIsUnknown(h *house) {
	h.start(h.unit("a", up("a")))
	h.said.want("a up")
	pid := h.status("a").PID
	must(h.t, h.m.Forget(h.ctx, pkg))
	must(h.t, h.m.Forget(h.ctx, pkg))
	h.wantGone(pid)
	if all, err := h.m.Status(h.ctx, pkg); err != nil || len(all) != 0 {
		h.t.Errorf("status of the forgotten: %v, %v", all, err)
	}
}

func eventsTellLife(h *house) {
	events := make(chan service.Event, 64)
	cancel := h.m.Subscribe(func(ev service.Event) { events <- ev })
	u := h.unit("a", up("a"))
	u.Restart = service.RestartOnFailure
	h.start(u)
	h.said.want("a up")
	must(h.t, syscall.Kill(h.status("a").PID, syscall.SIGKILL))
	h.said.want("a up")
	h.stop()
	want := []string{service.Started, service.Exited, service.Restarted, service.Stopped}
	var got []string
	for len(got) < len(want) {
		h.answer(later(func() error {
			ev := <-events
			if ev.Package != pkg || ev.Service != "a" || ev.At.IsZero() {
				h.t.Errorf("unlikely event %+v", ev)
			}
			got = append(got, ev.Kind)
			return nil
		}))
	}
	if !slices.Equal(got, want) {
		h.t.Errorf("events %v, want %v", got, want)
	}
	cancel()
	h.start(u)
	h.said.want("a up")
	select {
	case ev := <-events:
		h.t.Errorf("event %+v after cancel", ev)
	default:
	}
}

func nonsenseIsRefused(h *house) {
	ring := []service.Unit{h.unit("a", up("a")), h.unit("b", up("b"))}
	ring[0].After, ring[1].After = []string{"b"}, []string{"a"}
	nameless, idle, odd := h.unit("", up("a")), h.unit("a", ""), h.unit("a", up("a"))
	idle.Command = nil
	odd.Restart = "sometimes"
	for _, units := range [][]service.Unit{ring, {nameless}, {idle}, {odd}} {
		if err := h.m.Start(h.ctx, units); err == nil {
			h.t.Errorf("%+v was started", units)
		}
	}
	h.said.quiet()
}

func pingAnswers(h *house) {
	must(h.t, h.m.Ping(h.ctx))
	if kind := h.m.Kind(); kind != service.Embedded && kind != service.Systemd {
		h.t.Errorf("the manager is of kind %q", kind)
	}
	must(h.t, h.m.Shutdown(h.ctx))
	must(h.t, h.m.Shutdown(h.ctx))
	if h.m.Ping(h.ctx) == nil {
		h.t.Error("a manager that is shut down answers")
	}
	if h.m.Start(h.ctx, []service.Unit{h.unit("a", up("a"))}) == nil {
		h.t.Error("a manager that is shut down starts services")
	}
}
