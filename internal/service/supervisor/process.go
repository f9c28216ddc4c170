package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// oomScore makes the kernel pick a service before the daemon when memory ends.
const oomScore = 100

// frame is what all processes of one run have in common: the main process, the
// stop-command and the ready condition's.
type frame struct {
	sup     *Supervisor
	unit    service.Unit
	env     []string
	user    *osutil.User
	ruleset *osutil.Ruleset
}

// newFrame makes the bounds of u's processes. The error is for Detail.
func (s *Supervisor) newFrame(u service.Unit) (*frame, error) {
	f := &frame{sup: s, unit: u, env: slices.Concat(u.Env, service.CookieEnv(u.Cookie))}
	var err error
	if u.User != "" {
		if f.user, err = osutil.LookupUser(u.User); err != nil {
			return nil, err
		}
	}
	if f.ruleset, err = s.ruleset(u.Confine); err != nil {
		return nil, fmt.Errorf("cannot confine the service: %w", err)
	}
	if lacking := s.cgroups.Unbounded(osLimits(u.Limits)); lacking != "" {
		s.log.Warn("limits of a service are not enforced", "service", u.ID(), "limits", lacking, "host", s.cgroups.Describe())
	}
	return f, nil
}

func (f *frame) close() {
	if f.ruleset != nil {
		f.ruleset.Close()
	}
}

// ruleset gives nil for what is not confined.
func (s *Supervisor) ruleset(c service.Confinement) (*osutil.Ruleset, error) {
	if c.None || c.Root == "" {
		return nil, nil
	}
	writable := slices.DeleteFunc([]string{c.Data, c.Common, c.Tmp}, func(p string) bool { return p == "" })
	ctl, err := filepath.EvalSymlinks(filepath.Join(s.dirs.RunBin(), "ctl"))
	if err != nil {
		ctl = "" // the service finds none either
	}
	return osutil.Sandbox{Dirs: s.dirs, Root: c.Root, Writable: writable, Ctl: ctl}.Ruleset()
}

func osLimits(l service.Limits) osutil.Limits {
	return osutil.Limits{Memory: l.Memory, PIDs: l.Tasks, CPUPercent: l.CPU}
}

// tree is one command of a unit with all that descends from it. It has a cgroup
// and a mark of its own, for the end of a ready condition's command must not
// take the service with it.
type tree struct {
	*osutil.Process
	mark   string
	cgroup *osutil.Cgroup
}

// command starts one of the unit's commands; out takes what it prints, nil
// drops it.
func (f *frame) command(ctx context.Context, argv []string, t *tree, out *os.File) error {
	var err error
	t.Process, err = osutil.Start(ctx, osutil.Spec{
		Path: argv[0], Args: argv[1:], Env: append(slices.Clone(f.env), t.mark), Dir: f.unit.Dir,
		Stdout: out, Stderr: out,
		User: f.user, NoNewPrivs: true, Landlock: f.ruleset, Cgroup: t.cgroup,
		OOMScoreAdj: oomScore, Limits: osLimits(f.unit.Limits), Marker: t.mark,
	})
	return err
}

// newTree prepares the group and the mark of a command; part tells the unit's
// commands apart, it is "main" for the service itself.
func (f *frame) newTree(part string) (*tree, error) {
	name := f.unit.ID() + "/" + part
	cgroup, err := f.sup.cgroups.Make(cgroupFolder+"/"+f.unit.ID()+"."+part, osLimits(f.unit.Limits))
	if err != nil {
		return nil, fmt.Errorf("cannot make the service's cgroup: %w", err)
	}
	return &tree{mark: f.sup.newMark(name), cgroup: cgroup}, nil
}

// remove gives back the tree's cgroup. One that is not empty stays for the next
// tree of that name.
func (t *tree) remove() { _ = t.cgroup.Remove() }

// run runs one of the unit's commands to its end, or kills it when ctx ends.
func (f *frame) run(ctx context.Context, part string, argv []string) error {
	t, err := f.newTree(part)
	if err != nil {
		return err
	}
	defer t.remove()
	if err := f.command(ctx, argv, t, nil); err != nil {
		return err
	}
	select {
	case <-t.Done():
	case <-ctx.Done():
		t.Process.Stop(syscall.SIGKILL, 0)
		return ctx.Err()
	}
	if e := t.Exit(); e.Code != 0 || e.Signal != 0 {
		return errors.New(tellExit(e, ""))
	}
	return nil
}

// process is a started main process and the way of its output into the log.
type process struct {
	*tree
	output *os.File      // the reading end
	copied chan struct{} // closed when all output is in the log
}

// start starts the main process in t with its output going into log.
func (f *frame) start(ctx context.Context, t *tree, log *logFile) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Close() }()
	log.fresh()
	if err := f.command(ctx, f.unit.Command, t, w); err != nil {
		_ = r.Close()
		return nil, err
	}
	p := &process{tree: t, output: r, copied: make(chan struct{})}
	go func() {
		defer close(p.copied)
		_, _ = io.Copy(log, r)
	}()
	return p, nil
}

// outputGrace is how long the rest of the output may take once nobody of the
// tree lives. Only somebody outside of it can hold the pipe that long.
const outputGrace = time.Second

// finish waits for the last output, after Done.
func (p *process) finish() {
	defer p.remove()
	_ = p.output.SetReadDeadline(time.Now().Add(outputGrace))
	<-p.copied
	_ = p.output.Close()
}

// mainEnded says whether the first process of the tree has ended.
func (p *process) mainEnded() bool {
	main, err := osutil.ReadProc(p.PID())
	return err != nil || main.Dead()
}

// outlives waits for d, or the end of the whole tree, and says which it was.
func (p *process) outlives(d time.Duration) bool {
	select {
	case <-p.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// hopeless says whether a program that could not be started would not start
// the next time either.
func hopeless(err error) bool {
	for _, e := range []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY, syscall.EINTR} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

func clean(e osutil.Exit) bool { return service.EndedWell(e.Code, e.Signal) }

// tellExit says how a service ended and the last it had to say.
func tellExit(e osutil.Exit, last string) string {
	how := fmt.Sprintf("exited with status %d", e.Code)
	if e.Signal != 0 {
		how = fmt.Sprintf("killed by signal %s", e.Signal)
	}
	if last = strings.TrimSpace(last); last != "" && !clean(e) {
		how += ": " + last
	}
	return how
}
