package servicetest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"pkgd.io/pkgd/internal/service"
)

// restarts is about services that end unasked.
var restarts = []scenario{
	{"on-failure starts a crashed service again and counts it", crashIsRestarted},
	{"a service that is about to run again, or does, tells how it had ended", endIsRemembered},
	{"on-failure leaves a service that ended cleanly", cleanEndIsLeft},
	{"always starts a service again that ended cleanly", cleanEndIsRestarted},
	{"no leaves a crashed service failed, with the reason", crashIsLeft},
	{"a start of a failed service starts it again", failedIsStarted},
	{"a stop ends a service that waits to be started again", waitingIsStopped},
	{"a start does not wait for a service's turn to be restarted", waitingIsStarted},
	{"the count begins anew with the next start", countBeginsAnew},
}

func crashIsRestarted(h *house) {
	u := h.unit("a", up("a"))
	u.Restart = "" // on-failure is the default
	h.start(u)
	for n := 1; n <= 2; n++ {
		h.said.want("a up")
		pid := h.status("a").PID
		must(h.t, syscall.Kill(pid, syscall.SIGKILL))
		s := h.await("a", "restarted", func(s service.Status) bool { return s.Restarts == n && s.State == service.Active })
		if s.PID == pid || s.PID == 0 {
			h.t.Errorf("unlikely status %+v", s)
		}
	}
	h.said.want("a up")
}

func endIsRemembered(h *house) {
	u := h.unit("a", "[ -e $D/works ] || { "+say("crashes")+"; exit 3; }; "+say("works $$")+"; exec sleep 1000")
	u.Restart = service.RestartOnFailure
	h.start(u)
	h.said.want("crashes", "crashes", "crashes")
	h.await("a", "waiting", func(s service.Status) bool {
		return s.State == service.Activating && s.Ended == "crashed (exit status 3)" && strings.HasPrefix(s.Detail, "crashed (exit status 3) and is being started again")
	})
	must(h.t, os.WriteFile(filepath.Join(u.Confine.Data, "works"), nil, 0o644))
	line := h.said.next()
	for line == "crashes" { // the pauses in between are the manager's
		line = h.said.next()
	}
	pid, err := strconv.Atoi(strings.TrimPrefix(line, "works "))
	must(h.t, err)
	h.await("a", "up", func(s service.Status) bool {
		return s.State == service.Active && s.PID == pid && s.Ended == "crashed (exit status 3)"
	})
	must(h.t, syscall.Kill(pid, syscall.SIGKILL))
	h.await("a", "killed", func(s service.Status) bool {
		return s.State == service.Active && s.Ended == "crashed (signal SIGKILL)"
	})
	h.stop()
	h.start(u)
	if s := h.wantState("a", service.Active); s.Ended != "" {
		h.t.Errorf("the next start remembers %+v", s)
	}
}

func cleanEndIsLeft(h *house) {
	g := h.gate("gate")
	u := h.unit("a", say("a up")+"; "+g.wait()+"; exit 0")
	u.Restart = service.RestartOnFailure
	h.start(u)
	h.said.want("a up")
	h.wantState("a", service.Active)
	g.open()
	if s := h.awaitState("a", service.Inactive); s.Restarts != 0 || s.PID != 0 {
		h.t.Errorf("unlikely status %+v", s)
	}
	h.said.quiet()
}

func cleanEndIsRestarted(h *house) {
	g := h.gate("gate")
	u := h.unit("a", say("a up")+"; "+g.wait()+"; exit 0")
	u.Restart = service.RestartAlways
	h.start(u)
	h.said.want("a up")
	g.open()
	h.said.want("a up")
	h.await("a", "restarted", func(s service.Status) bool { return s.Restarts == 1 && s.State == service.Active })
}

func crashIsLeft(h *house) {
	g := h.gate("gate")
	h.start(h.unit("a", say("a up")+"; "+g.wait()+"; exit 7"))
	h.said.want("a up")
	g.open()
	s := h.awaitState("a", service.Failed)
	if !strings.Contains(s.Detail, "7") || s.Restarts != 0 || s.PID != 0 {
		h.t.Errorf("unlikely status %+v", s)
	}
	h.said.quiet()
}

func failedIsStarted(h *house) {
	g := h.gate("gate")
	u := h.unit("a", say("a up")+"; "+g.wait()+"; exit 7")
	h.start(u)
	h.said.want("a up")
	g.open()
	h.awaitState("a", service.Failed)
	h.start(u)
	h.said.want("a up")
	h.wantState("a", service.Active)
	h.stop()
	h.wantState("a", service.Inactive)
}

func waitingIsStopped(h *house) {
	u := h.unit("a", say("a up")+"; exit 1")
	u.Restart = service.RestartAlways
	h.start(u)
	h.said.want("a up", "a up") // it is in the back-off, or on its way there
	h.stop()
	if s := h.wantState("a", service.Inactive); s.PID != 0 {
		h.t.Errorf("unlikely status %+v", s)
	}
}

func waitingIsStarted(h *house) {
	// The fourth one works, also if it is its turn before it is asked for.
	u := h.unit("a", "echo >>$D/starts; "+say("a up")+"; [ $(wc -l <$D/starts) -gt 3 ] || exit 1; exec sleep 1000")
	u.Restart = service.RestartOnFailure
	h.start(u)
	h.said.want("a up", "a up", "a up")
	h.await("a", "waiting, or its turn has come", func(s service.Status) bool { return s.Restarts > 2 || s.State == service.Activating && s.PID == 0 })
	h.start(u)
	h.wantState("a", service.Active)
}

func countBeginsAnew(h *house) {
	u := h.unit("a", up("a"))
	u.Restart = service.RestartAlways
	h.start(u)
	h.said.want("a up")
	must(h.t, syscall.Kill(h.status("a").PID, syscall.SIGKILL))
	h.await("a", "restarted", func(s service.Status) bool { return s.Restarts == 1 && s.State == service.Active })
	h.start(u)
	if s := h.status("a"); s.Restarts != 1 {
		h.t.Errorf("a start of the running service changed the count: %+v", s)
	}
	h.stop()
	h.start(u)
	if s := h.status("a"); s.Restarts != 0 {
		h.t.Errorf("the count did not begin anew: %+v", s)
	}
}
