package servicetest

import (
	"context"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/internal/service"
)

// forever is a script's end that still heeds its traps. It starts no other
// program: a shell that forks in the moment of a TERM has a child that misses it.
// What it reads comes again and again (see pulse): a shell that is told in the
// moment before it reads heeds the trap only when it has read.
const forever = "while :; do read x <$HOLD; done"

// ends is about how services end.
var ends = []scenario{
	{"a stop ends the whole tree, children of their own session too", stopEndsTree},
	{"what does not heed TERM is killed after the stop timeout", stubbornIsKilled},
	{"a service may end its work before it goes", stopWaitsForWork},
	{"children that the main process leaves behind may end their work too", stopWaitsForChildren},
	{"a stop-command is run instead of the TERM", stopCommandIsRun},
	{"a stop-command that does not help is followed by TERM", stopCommandIsFollowed},
	{"a crash ends the rest of the tree", crashEndsTree},
	{"services stop in the reverse order of after", stopsInReverse},
	{"a stop whose context ends is carried on", stopIsCarriedOn},
	{"a service that is still ending is told so, and a start begins it anew", endingIsStartedAnew},
	{"one package's slow stop holds up no other", slowStopHoldsNobody},
}

func stopEndsTree(h *house) {
	h.start(h.unit("a", `setsid sh -c '`+say("child $$")+`; exec sleep 1000' & wait`))
	child := h.said.pid("child")
	h.stop()
	h.wantGone(child)
}

func stubbornIsKilled(h *house) {
	u := h.unit("a", `trap "" TERM; setsid sh -c '`+say("child $$")+`; while :; do sleep 1000; done' & wait`)
	u.StopTimeout = 100 * time.Millisecond
	h.start(u)
	child := h.said.pid("child")
	main := h.status("a").PID
	h.stop()
	h.wantGone(main)
	h.wantGone(child)
	h.wantState("a", service.Inactive)
}

func stopWaitsForWork(h *house) {
	h.start(h.unit("a", `trap '`+say("working")+`; `+say("done")+`; exit 0' TERM; `+say("a up")+`; `+forever))
	h.said.want("a up")
	h.stop()
	h.said.want("working", "done")
}

func stopWaitsForChildren(h *house) {
	g := h.gate("gate")
	h.start(h.unit("a", `sh -c 'trap "`+g.wait()+`; echo child done >>$J; exit 0" TERM; `+say("child up")+`; `+forever+`' & wait`))
	h.said.want("child up")
	stopped := later(func() error { return h.m.Stop(h.ctx, pkg, nil) })
	g.open()
	must(h.t, h.answer(stopped))
	h.said.want("child done")
}

func stopCommandIsRun(h *house) {
	g := h.gate("gate")
	u := h.unit("a", `trap "" TERM; `+say("a up")+`; `+g.wait()+`; `+say("a done"))
	u.StopCommand = []string{"/bin/sh", "-c", say("asked") + "; echo stop >" + g.path}
	h.start(u)
	h.said.want("a up")
	h.stop()
	h.said.want("asked", "a done")
	h.wantState("a", service.Inactive)
}

func stopCommandIsFollowed(h *house) {
	u := h.unit("a", up("a"))
	u.StopCommand = []string{"/bin/sh", "-c", say("asked") + "; exit 1"}
	h.start(u)
	h.said.want("a up")
	pid := h.status("a").PID
	h.stop()
	h.said.want("asked")
	h.wantGone(pid)
}

func crashEndsTree(h *house) {
	g := h.gate("gate")
	h.start(h.unit("a", `setsid sh -c '`+say("child $$")+`; exec sleep 1000' & `+g.wait()+`; exit 3`))
	child := h.said.pid("child")
	g.open()
	if s := h.awaitState("a", service.Failed); !strings.Contains(s.Detail, "3") || s.PID != 0 {
		h.t.Errorf("unlikely status %+v", s)
	}
	h.wantGone(child)
}

func stopsInReverse(h *house) {
	unit := func(name string, after ...string) service.Unit {
		u := h.unit(name, `trap '`+say(name+" down")+`; exit 0' TERM; `+say(name+" up")+`; : >$D/`+name+`; `+forever)
		u.After = after
		u.Ready = &pkginfo.Ready{Exec: "/usr/bin/test -e " + u.Confine.Data + "/" + name}
		return u
	}
	h.start(unit("c", "b"), unit("b", "a"), unit("a"))
	h.said.want("a up", "b up", "c up")
	h.stop()
	h.said.want("c down", "b down", "a down")
}

// halfStopped is a service whose stop nobody waits for any more, and that ends
// when the gate opens.
func halfStopped(h *house) (u service.Unit, g *gate) {
	g = h.gate("gate")
	u = h.unit("a", `trap '`+say("asked")+`; `+g.wait()+`; exit 0' TERM; `+say("a up")+`; `+forever)
	h.start(u)
	h.said.want("a up")
	ctx, cancel := context.WithCancel(h.ctx)
	stopped := later(func() error { return h.m.Stop(ctx, pkg, nil) })
	h.said.want("asked")
	cancel()
	if err := h.answer(stopped); err == nil {
		h.t.Error("a stop whose context ended says it is done")
	}
	return u, g
}

func endingIsStartedAnew(h *house) {
	u, g := halfStopped(h)
	old := h.status("a")
	if !old.Ending {
		h.t.Errorf("unlikely status %+v", old)
	}
	started := later(func() error { return h.m.Start(h.ctx, []service.Unit{u}) })
	g.open()
	must(h.t, h.answer(started))
	h.said.want("a up")
	h.wantGone(old.PID)
	if now := h.status("a"); now.State != service.Active || now.Ending {
		h.t.Errorf("unlikely status %+v", now)
	}
	stopped := later(func() error { return h.m.Stop(h.ctx, pkg, nil) })
	g.open()
	must(h.t, h.answer(stopped))
}

func stopIsCarriedOn(h *house) {
	_, g := halfStopped(h)
	pid := h.status("a").PID
	stopped := later(func() error { return h.m.Stop(h.ctx, pkg, nil) })
	g.open()
	must(h.t, h.answer(stopped))
	h.wantGone(pid)
}

func slowStopHoldsNobody(h *house) {
	g := h.gate("gate")
	h.start(h.unit("a", `trap '`+say("asked")+`; `+g.wait()+`; exit 0' TERM; `+say("a up")+`; `+forever))
	h.said.want("a up")
	stopped := later(func() error { return h.m.Stop(h.ctx, pkg, nil) })
	h.said.want("asked")
	other := h.unitOf("db", 1, "b", up("b"))
	h.start(other)
	h.said.want("b up")
	must(h.t, h.m.Restart(h.ctx, []service.Unit{other}))
	h.said.want("b up")
	must(h.t, h.m.Stop(h.ctx, "db", nil))
	h.status("a")
	g.open()
	must(h.t, h.answer(stopped))
}
