package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/osutil"
	"pkgd.io/pkgd/internal/service"
)

// leftoverGrace is how long what outlived a killed daemon has from TERM to
// KILL. No service is started in that time.
const leftoverGrace = 5 * time.Second

// cgroupFolder is where the services' cgroups are.
const cgroupFolder = "services"

// leftovers ends what outlived the daemon before this one. Processes are known
// by the records, by the mark in their environment and by their cgroup.
type leftovers struct {
	dirs    dirs.Dirs
	log     *slog.Logger
	cgroups *osutil.Cgroups
	cancel  context.CancelFunc
	done    chan struct{}
	stuck   map[string]int // services of which a process would not go; valid after done
}

// endLeftovers begins to end what there may be. The records' folder is there
// only while a supervisor lives, or after one that was killed.
func endLeftovers(d dirs.Dirs, log *slog.Logger, cgroups *osutil.Cgroups) (*leftovers, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &leftovers{dirs: d, log: log, cgroups: cgroups, cancel: cancel, done: make(chan struct{})}
	if err := os.MkdirAll(d.Run(), 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the supervisor's folder: %w", err)
	}
	err := os.Mkdir(d.RunServices(), 0o700)
	if errors.Is(err, os.ErrExist) {
		go l.end(ctx)
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the folder of the services' records: %w", err)
	}
	close(l.done)
	return l, nil
}

// await waits until all leftovers have ended, or ctx has.
func (l *leftovers) await(ctx context.Context) { service.Await(ctx, l.done) }

// blocked says why a service cannot be started: one of its old processes would
// not go.
func (l *leftovers) blocked(id string) error {
	select {
	case <-l.done:
	default:
		return nil
	}
	if pid := l.stuck[id]; pid != 0 {
		return fmt.Errorf("process %d of an earlier pkgd cannot be ended: there must not be two of a service", pid)
	}
	return nil
}

// close waits for the end, or gives up when ctx ends.
func (l *leftovers) close(ctx context.Context) {
	l.await(ctx)
	l.cancel()
	<-l.done
}

func (l *leftovers) end(ctx context.Context) {
	defer close(l.done)
	records := readRecords(l.dirs.RunServices())
	find := func() []osutil.Proc { return l.find(records) }
	if err := osutil.KillFound(ctx, find, syscall.SIGTERM, leftoverGrace); err != nil {
		l.log.Error("cannot end what outlived an earlier pkgd", "error", err)
		l.stuck = l.idsOf(find(), records)
		return
	}
	for _, name := range l.cgroups.Names(cgroupFolder) {
		if g, err := l.cgroups.Make(name, osutil.Limits{}); err == nil {
			_ = g.Remove()
		}
	}
	for _, r := range records {
		_ = os.Remove(filepath.Join(l.dirs.RunServices(), r.Package+"."+r.Name))
	}
}

// find gives all living processes of an earlier daemon's services.
func (l *leftovers) find(records []record) []osutil.Proc {
	found := make(map[int]osutil.Proc)
	for _, r := range records {
		if p, err := osutil.ReadProc(r.PID); r.PID > 0 && err == nil && p.Start == r.Start {
			found[p.PID] = p
		}
	}
	for _, p := range osutil.FindByEnv(markKey) {
		if l.mark(p.PID) != "" {
			found[p.PID] = p
		}
	}
	for _, pid := range l.inCgroups() {
		if p, err := osutil.ReadProc(pid); err == nil {
			found[pid] = p
		}
	}
	var procs []osutil.Proc
	for _, p := range found {
		if p.State != 'Z' {
			procs = append(procs, p)
		}
	}
	return procs
}

func (l *leftovers) inCgroups() []int {
	var pids []int
	for _, name := range l.cgroups.Names(cgroupFolder) {
		if g, err := l.cgroups.Make(name, osutil.Limits{}); err == nil {
			pids = append(pids, g.PIDs()...)
			g.Close()
		}
	}
	return pids
}

// mark is what a process's mark says after this root's prefix: ID/PART/RANDOM,
// or nothing for a process of somebody else.
func (l *leftovers) mark(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return ""
	}
	prefix := []byte(markPrefix(l.dirs.Root))
	for kv := range bytes.SplitSeq(b, []byte{0}) {
		if rest, ok := bytes.CutPrefix(kv, prefix); ok {
			return string(rest)
		}
	}
	return ""
}

// idsOf says whose processes these are.
func (l *leftovers) idsOf(procs []osutil.Proc, records []record) map[string]int {
	ids := make(map[string]int)
	for _, p := range procs {
		if id, _, ok := strings.Cut(l.mark(p.PID), "/"); ok {
			ids[id] = p.PID
		}
		for _, r := range records {
			if r.PID == p.PID {
				ids[r.Package+"."+r.Name] = p.PID
			}
		}
	}
	return ids
}
