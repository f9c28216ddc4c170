package supervisor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// run keeps one unit up, from Start to Stop: it starts a process, waits for its
// end, and starts the next where the unit's restart rule says so.
type run struct {
	k    *keeper
	unit service.Unit

	stop    context.Context // ends when somebody wants the run to end
	end     context.CancelFunc
	mercy   context.Context // ends when it shall end at once
	endNow  context.CancelFunc
	settle  func()        // closes settled, once
	settled chan struct{} // ready, ended for the first time, or out of time for that
	done    chan struct{} // closed when all is over

	pause backoff // loop's own
}

func newRun(k *keeper, u service.Unit) *run {
	r := &run{k: k, unit: u, settled: make(chan struct{}), done: make(chan struct{})}
	r.mercy, r.endNow = context.WithCancel(context.Background())
	r.stop, r.end = context.WithCancel(r.mercy)
	r.settle = sync.OnceFunc(func() { close(r.settled) })
	return r
}

// hasSettled says whether Start need not wait any more.
func (r *run) hasSettled() bool {
	select {
	case <-r.settled:
		return true
	default:
		return false
	}
}

// ending says whether somebody wants it to end, though it may not have yet.
func (r *run) ending() bool { return r.stop.Err() != nil }

func (r *run) loop() {
	defer close(r.done)
	defer r.endNow()
	defer r.settle()
	defer r.k.log.finish()
	r.k.sup.left.await(r.stop)
	if err := r.k.sup.left.blocked(r.unit.ID()); err != nil {
		r.ended(ending{detail: err.Error(), hopeless: true})
		return
	}
	if f := r.frame(); f != nil {
		defer f.close()
		r.keepUp(f)
	}
}

// frame makes the bounds of the service's processes. What the host is short of
// may be there later: then it is tried again, as the service itself is. It gives
// nil when that is over.
func (r *run) frame() *frame {
	for r.stop.Err() == nil {
		f, err := r.k.sup.newFrame(r.unit)
		if err == nil {
			return f
		}
		delay, again := r.ended(ending{detail: err.Error(), hopeless: hopeless(err)})
		r.settle()
		if !again {
			return nil
		}
		_ = osutil.Sleep(r.stop, delay)
	}
	return nil
}

// keepUp runs process after process.
func (r *run) keepUp(f *frame) {
	for first := true; r.stop.Err() == nil; first = false {
		delay, again := r.once(f, first)
		r.settle()
		if !again {
			return
		}
		_ = osutil.Sleep(r.stop, delay)
	}
}

// once runs one process to its end and says whether there shall be another, and
// how much later.
func (r *run) once(f *frame, first bool) (delay time.Duration, again bool) {
	began := time.Now()
	p, err := r.launch(f)
	if err != nil {
		return r.ended(ending{detail: err.Error(), hopeless: hopeless(err)})
	}
	asked := r.watch(f, p, first)
	p.finish()
	exit := p.Exit()
	if exit.Left {
		return r.stuck()
	}
	defer r.k.sup.unrecord(r.unit)
	if asked {
		r.k.set(service.Inactive, "", 0)
		r.k.tell(service.Stopped, "")
		return 0, false
	}
	last := r.k.log.lastLine()
	return r.ended(ending{
		ran: true, up: time.Since(began), clean: clean(exit), detail: tellExit(exit, last),
		how: service.HowEnded(exit.Code, exit.Signal), last: last,
	})
}

// stuck gives up on a service of which a process hangs in the kernel: there must
// not be two. The record stays, for the next pkgd to end what it tells of.
func (r *run) stuck() (delay time.Duration, again bool) {
	r.k.sup.log.Error("a process of a service cannot be ended", "service", r.unit.ID())
	return r.ended(ending{ran: true, hopeless: true, detail: "a process of it hangs in the kernel and cannot be ended"})
}

// launch starts a process. It counts as started once its record is written.
func (r *run) launch(f *frame) (*process, error) {
	t, err := f.newTree("main")
	if err != nil {
		return nil, err
	}
	r.k.sup.record(r.unit, t.mark, nil)
	p, err := f.start(r.stop, t, r.k.log)
	if err != nil {
		r.k.sup.unrecord(r.unit)
		t.remove()
		return nil, fmt.Errorf("cannot start %s: %w", r.unit.Command[0], err)
	}
	r.k.sup.record(r.unit, t.mark, p)
	return p, nil
}

// ending is how a process ended that nobody asked to end.
type ending struct {
	ran      bool          // false: it could not be started
	up       time.Duration // how long it ran
	clean    bool
	hopeless bool // the next would not start either
	detail   string
	how      string // as service.HowEnded has it; empty: it did not run
	last     string // it had to say
}

// again says why the service is about to run again.
func (e ending) again(delay time.Duration) string {
	if e.how == "" {
		return fmt.Sprintf("%s; again in %v", e.detail, delay)
	}
	text := service.BeingStartedAgain(e.how)
	if last := strings.TrimSpace(e.last); last != "" && !e.clean {
		text += ": " + last
	}
	return text
}

// ended applies the unit's restart rule.
func (r *run) ended(e ending) (delay time.Duration, again bool) {
	rule := r.unit.Restart
	again = rule == service.RestartAlways || rule != service.RestartNo && !e.clean
	state, detail := service.Failed, e.detail
	switch {
	case again && !e.hopeless:
		delay = r.pause.next(e.up)
		state, detail = service.Activating, e.again(delay)
	case e.clean:
		state = service.Inactive
	}
	r.k.endedSo(e.how)
	r.k.set(state, detail, 0)
	if e.ran {
		r.k.tell(service.Exited, e.detail)
	}
	if state == service.Failed {
		r.k.tell(service.Gone, e.detail)
	}
	return delay, state == service.Activating
}

// watch waits for the process to end. It says whether it was made to.
func (r *run) watch(f *frame, p *process, first bool) (asked bool) {
	probing, cancel := context.WithCancel(r.stop)
	var probe sync.WaitGroup
	defer probe.Wait()
	defer cancel()
	r.up(p, first)
	if r.unit.Ready != nil {
		probe.Go(func() { r.probe(probing, f, p) })
	}
	select {
	case <-p.Done():
		return false
	case <-r.stop.Done():
		cancel()
		probe.Wait()
		r.terminate(f, p)
		return true
	}
}

// up makes it known that a process runs.
func (r *run) up(p *process, first bool) {
	kind := service.Started
	if !first {
		r.k.restarted()
		kind = service.Restarted
	}
	if r.unit.Ready == nil {
		r.k.set(service.Active, "", p.PID())
		r.settle()
	} else {
		r.k.set(service.Activating, "not ready yet", p.PID())
	}
	r.k.tell(kind, "")
}

// probe waits until the process is ready. A service that is late is not killed:
// it stays activating until it is.
func (r *run) probe(ctx context.Context, f *frame, p *process) {
	patient, cancel := context.WithTimeout(ctx, r.unit.ReadyTimeout())
	defer cancel()
	exec := func(ctx context.Context, argv []string) error { return f.run(ctx, "ready", argv) }
	err := service.AwaitReady(patient, r.unit, exec)
	if err != nil && ctx.Err() == nil {
		r.k.set(service.Activating, fmt.Sprintf("not ready after %v: %v", r.unit.ReadyTimeout(), err), p.PID())
		r.settle()
		err = service.AwaitReady(ctx, r.unit, exec)
	}
	if err == nil && ctx.Err() == nil {
		r.k.set(service.Active, "", p.PID())
		r.settle()
	}
}

// terminate ends the whole tree: by the stop-command where there is one, by
// TERM, and after the stop timeout, or when mercy ends, by KILL.
func (r *run) terminate(f *frame, p *process) {
	timeout := r.unit.StopTimeout
	if timeout <= 0 {
		timeout = service.DefaultStopTimeout
	}
	ctx, cancel := context.WithTimeout(r.mercy, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	defer context.AfterFunc(r.mercy, func() { p.Stop(syscall.SIGKILL, 0) })()
	if len(r.unit.StopCommand) > 0 {
		r.stopCommand(ctx, f, p)
	}
	var again sync.WaitGroup
	again.Go(func() { repeatTerm(p, deadline) })
	p.Stop(syscall.SIGTERM, time.Until(deadline))
	again.Wait()
}

// repeatTerm sends TERM twice more to what the main process leaves behind. A
// shell that forks in the very moment of the first one has a child that swallows
// it before it becomes another program, and would hold up the stop for nothing.
func repeatTerm(p *process, deadline time.Time) {
	for pause := 5 * time.Millisecond; !p.mainEnded(); pause = min(2*pause, 100*time.Millisecond) {
		if !p.outlives(pause) {
			return
		}
	}
	var stops sync.WaitGroup
	defer stops.Wait()
	for range 2 {
		stops.Go(func() { p.Stop(syscall.SIGTERM, time.Until(deadline)) })
		if !p.outlives(200 * time.Millisecond) {
			return
		}
	}
}

// stopCommand runs the stop-command and waits for the process to end, unless
// the command failed.
func (r *run) stopCommand(ctx context.Context, f *frame, p *process) {
	if err := f.run(ctx, "stop", r.unit.StopCommand); err != nil {
		r.k.sup.log.Warn("stop-command failed, TERM instead", "service", r.unit.ID(), "error", err)
		return
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
	}
}
