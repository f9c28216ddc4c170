package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
	"pkgd.io/pkgd/internal/pkginfo"
)

// trial is what came of running a hook again and again while nothing else
// happened.
type trial struct {
	Runs     int            `json:"runs"`
	Statuses map[string]int `json:"statuses"`
	P95      float64        `json:"p95"` // seconds
	Longest  float64        `json:"longest"`

	findings []pkginfo.Finding
	records  []api.Record
	before   surroundings
	idle     surroundings // after the same time without a run
	after    surroundings
}

// tryHook installs the tree on a private daemon and runs its hook.
func (a *app) tryHook(ctx context.Context, dir string, runs int) (*trial, error) {
	info, err := pkginfo.ReadTree(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	p, err := a.startPrivate(ctx, "lint")
	if err != nil {
		return nil, err
	}
	t, err := p.try(ctx, info, dir, runs)
	if stop := p.stop(); err == nil {
		err = stop
	}
	if err != nil {
		return nil, err
	}
	t.judge(info)
	return t, nil
}

func (p *private) try(ctx context.Context, info *pkginfo.Info, dir string, runs int) (*trial, error) {
	if err := p.install(ctx, dir); err != nil {
		return nil, err
	}
	t := &trial{Runs: runs, Statuses: map[string]int{}}
	var err error
	if t.before, err = p.look(info.Name); err != nil {
		return nil, err
	}
	start := time.Now()
	for range runs {
		h, err := p.app.client.Check(ctx, api.HealthRequest{Names: []string{info.Name}})
		if err != nil {
			return nil, err
		}
		if len(h.Packages) != 1 {
			return nil, fmt.Errorf("package %q has no check-health hook", info.Name)
		}
		t.records = append(t.records, h.Packages[0])
		t.Statuses[h.Packages[0].Status]++
	}
	if t.after, err = p.look(info.Name); err != nil {
		return nil, err
	}
	if t.idle = t.after; t.after.same(t.before) {
		return t, nil
	}
	// What changes in the same time without a run is not the hook's doing.
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(time.Since(start)):
	}
	t.idle, err = p.look(info.Name)
	return t, err
}

func (p *private) install(ctx context.Context, dir string) error {
	ans, err := p.app.client.Do(ctx, api.PackageRequest{Action: "install", Targets: []string{dir}})
	if err != nil {
		return err
	}
	chg, err := p.app.client.WaitChange(ctx, ans.Change)
	if err != nil {
		return err
	}
	if changeCode(chg) != exitDone {
		return errorText(firstNonEmpty(chg.Err, "it cannot be installed"))
	}
	return nil
}

// judge compares, by the rules that the documentation of lint explains.
func (t *trial) judge(info *pkginfo.Info) {
	t.measure()
	t.judgeStatuses()
	t.judgeSurroundings()
	t.judgeTimes(info)
}

func (t *trial) find(rule, level, format string, args ...any) {
	t.findings = append(t.findings, pkginfo.Finding{
		Rule: rule, Level: level, Where: "check-health", Text: fmt.Sprintf(format, args...), Doc: pkginfo.LintDoc + "#" + rule,
	})
}

func (t *trial) measure() {
	var took []float64
	for _, r := range t.records {
		took = append(took, r.Duration)
	}
	slices.Sort(took)
	t.Longest = took[len(took)-1]
	t.P95 = took[(len(took)*95+99)/100-1]
}

func (t *trial) judgeStatuses() {
	codes := map[string]bool{}
	for _, r := range t.records {
		codes[r.Code] = true
	}
	if len(t.Statuses) > 1 {
		t.find("run-status-changes", pkginfo.LevelWarn, "it answers differently while nothing changes: %s", counted(t.Statuses))
	}
	switch {
	case codes["pkgd-hook-timeout"]:
		t.find("run-fails", pkginfo.LevelError, "it does not end within its timeout")
	case codes["pkgd-hook-failed"]:
		t.find("run-fails", pkginfo.LevelError, "it fails: %s", t.messageOf("pkgd-hook-failed"))
	case codes["pkgd-no-health-set"]:
		t.find("run-silent", pkginfo.LevelError, "it ends without a word: call ctl set-health on every path")
	}
	if t.Statuses["active"] == 0 && len(t.findings) == 0 {
		last := t.records[len(t.records)-1]
		t.find("run-never-active", pkginfo.LevelNote, "it was never active here: %s", healthWords(last))
	}
}

func (t *trial) messageOf(code string) string {
	for _, r := range t.records {
		if r.Code == code {
			return r.Message
		}
	}
	return ""
}

func (t *trial) judgeSurroundings() {
	if d := t.before.data.changed(t.after.data); len(d) > 0 {
		if len(t.after.data.changed(t.idle.data)) > 0 {
			t.find("run-data-busy", pkginfo.LevelNote, "its services write to their data by themselves, so it cannot be told whether the hook does")
		} else {
			t.find("run-writes-data", pkginfo.LevelWarn, "it changes the package's data (%s): a check must leave no trace", strings.Join(d, ", "))
		}
	}
	if !slices.Equal(t.before.services, t.after.services) {
		t.find("run-disturbs-services", pkginfo.LevelWarn, "services do not stand as they stood: %s before, %s after", strings.Join(t.before.services, ", "), strings.Join(t.after.services, ", "))
	}
	if grown := t.after.processes - t.before.processes; grown > 0 && t.idle.processes > t.before.processes {
		t.find("run-leaves-processes", pkginfo.LevelWarn, "%s more after %d runs", human.Count(grown, "process"), t.Runs)
	}
	if grown := t.after.sockets - t.before.sockets; grown >= t.Runs && t.idle.sockets-t.before.sockets >= t.Runs {
		t.find("run-leaves-sockets", pkginfo.LevelWarn, "services hold %s more after %d runs: they do not close what the hook opens", human.Count(grown, "socket"), t.Runs)
	}
}

// The host's defaults, for what the manifest leaves open.
const (
	defaultTimeout  = 30 * time.Second
	defaultSettle   = time.Minute
	defaultInterval = 5 * time.Minute
)

func (t *trial) judgeTimes(info *pkginfo.Info) {
	timeout := orDefault(info.Health.Timeout, defaultTimeout).Seconds()
	settle := orDefault(info.Health.Settle, defaultSettle).Seconds()
	interval := orDefault(info.Health.Interval, defaultInterval).Seconds()
	switch {
	case t.P95 > timeout/2:
		t.find("run-near-timeout", pkginfo.LevelWarn, "95 of 100 runs take up to %s and %s is the most they may: a busy host will cut them off", human.Seconds(t.P95), human.Seconds(timeout))
	case t.P95 > 1:
		t.find("run-slow", pkginfo.LevelNote, "95 of 100 runs take up to %s; a refresh waits for it at least twice", human.Seconds(t.P95))
	}
	if settle > 0 && settle < 3*t.P95 {
		t.find("run-window-short", pkginfo.LevelWarn, "settle is %s, in which it cannot be run three times: a slow start is taken for a broken one", human.Seconds(settle))
	}
	if interval < 10*t.P95 {
		t.find("run-interval-short", pkginfo.LevelWarn, "it is run every %s and takes %s: it keeps the host busy", human.Seconds(interval), human.Seconds(t.P95))
	}
}

func orDefault(d *time.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return *d
}

func (t *trial) words() string {
	return fmt.Sprintf("check-health: %d runs, %s, p95 %s, longest %s", t.Runs, counted(t.Statuses), human.Seconds(t.P95), human.Seconds(t.Longest))
}

func counted(statuses map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(statuses)) {
		parts = append(parts, fmt.Sprintf("%d %s", statuses[s], s))
	}
	return strings.Join(parts, ", ")
}
