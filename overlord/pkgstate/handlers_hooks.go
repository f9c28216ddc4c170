package pkgstate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"pkgd.io/pkgd/hookrunner"
	"pkgd.io/pkgd/internal/confdoc"
	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/overlord/state"
)

// defaultHookTimeout is every hook's but check-health's (design §6).
const defaultHookTimeout = 10 * time.Minute

// hookRevision is the revision whose hook a lane runs: the old one's before it
// is left, the new one's after.
func (s *setup) hookRevision(hook string) int {
	if hook == "pre-refresh" || hook == "remove" || s.Kind == "configure" {
		return s.From
	}
	return s.To
}

// doRunHook runs one hook. One that the revision does not have is skipped, one
// that fails fails the task, except remove, which only warns. What it set takes
// effect when it succeeds.
func (m *Manager) doRunHook(ctx context.Context, t *state.Task) error {
	s, sto, err := m.read(t)
	if err != nil {
		return err
	}
	hook := taskHook(m, t)
	if hook == "post-refresh" {
		if err := m.crashLoop(t, s, sto); err != nil {
			return err
		}
	}
	if hook == "pre-refresh" || hook == "post-refresh" {
		if err := m.awaitBoot(ctx, t, s.Package); err != nil {
			return err
		}
	}
	patch, err := m.runHook(ctx, t, s, hook)
	if err == nil {
		return m.commitConfig(s.Package, s.hookRevision(hook), patch)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if hook == "remove" {
		m.logTask(t, "hook remove failed, the package is removed all the same: %v", err)
		m.tell(t, func(st *story) { st.Warning = err.Error() })
		return nil
	}
	if hook == "post-refresh" {
		return m.failedAfterSwitch(t, s, err)
	}
	return err
}

func taskHook(m *Manager, t *state.Task) string {
	m.st.Lock()
	defer m.st.Unlock()
	var hook string
	_ = t.Get("hook", &hook) // every run-hook task has one: see lanePlan.hook
	return hook
}

// runHook runs a hook and answers with the configuration that it set.
func (m *Manager) runHook(ctx context.Context, t *state.Task, s *setup, hook string) (map[string]json.RawMessage, error) {
	m.st.Lock()
	p, err := loadPackage(m.st, s.Package)
	var patch map[string]json.RawMessage
	if t.Has("patch") {
		err = t.Get("patch", &patch)
	}
	m.st.Unlock()
	if err != nil {
		return nil, err
	}
	r := p.Revisions[s.hookRevision(hook)]
	if r == nil || !r.hasHook(hook) {
		return patch, nil
	}
	hctx, _, err := m.runner.Contexts().Open(hookrunner.Spec{
		Package: p.Name, Revision: r.Number, Hook: hook, UID: m.uidOf(r.Info.Hooks[hook].User), Ephemeral: true,
	})
	if err != nil {
		return nil, err
	}
	defer hctx.Close()
	if err := setPending(hctx, patch); err != nil {
		return nil, err
	}
	run := hookrunner.Run{
		Package: m.hookPackage(p, r), Hook: hook, Timeout: hookTimeout(r.Info, hook),
		User: r.Info.Hooks[hook].User, Context: hctx,
	}
	res, err := m.runner.Run(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("cannot run hook %s: %w", hook, err)
	}
	hctx.Close()
	m.keepOutput(t, res)
	if err := res.Err(); err != nil {
		return nil, fmt.Errorf("hook %s of %q %w", hook, s.Package, err)
	}
	return pendingConfig(hctx), nil
}

func hookTimeout(info *pkginfo.Info, hook string) time.Duration {
	if h, ok := info.Hooks[hook]; ok && h.Timeout > 0 {
		return h.Timeout
	}
	return defaultHookTimeout
}

// keepOutput puts what the hook printed with the task, and what it set of its
// health on record: that takes effect when the hook ends, whatever its status.
func (m *Manager) keepOutput(t *state.Task, res hookrunner.Result) {
	if len(res.Output) > 0 {
		m.logTask(t, "%s", tail(res.Output, maxTaskOutput))
		m.tell(t, func(st *story) { st.HookOutput = tail(res.Output, maxStoryOutput) })
	}
	m.health.RecordHook(res.Context)
}

// What is kept of a hook's output: with the task for its log, with the story for
// pkgd why.
const (
	maxTaskOutput  = 4 << 10
	maxStoryOutput = 64 << 10
)

func tail(b []byte, n int) []byte {
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return b
}

// configValue is the key under which a run's context keeps the configuration
// that is pending in it.
const configValue = "config"

func pendingConfig(hctx *hookrunner.Context) map[string]json.RawMessage {
	var patch map[string]json.RawMessage
	hctx.View(func(v hookrunner.Values) { patch, _ = v[configValue].(map[string]json.RawMessage) })
	return patch
}

// setPending adds to what is pending in a run. The map is replaced, never
// changed: View hands it out.
func setPending(hctx *hookrunner.Context, patch map[string]json.RawMessage) error {
	return hctx.Update(func(v hookrunner.Values) error {
		old, _ := v[configValue].(map[string]json.RawMessage)
		all := maps.Clone(old)
		if all == nil {
			all = map[string]json.RawMessage{}
		}
		maps.Copy(all, patch)
		if n := patchSize(all); n > confdoc.MaxDocument {
			return fmt.Errorf("this run would set %d bytes of configuration: the most is %d", n, confdoc.MaxDocument)
		}
		v[configValue] = all
		return nil
	})
}

// patchSize is about what a patch takes of memory: to unset a key takes some too.
func patchSize(patch map[string]json.RawMessage) (n int) {
	const each = 64
	for key, value := range patch {
		n += each + len(key) + len(value)
	}
	return n
}

// keepConfig keeps what a check-health that succeeded set of its package's
// configuration, if that revision is still there.
func (m *Manager) keepConfig(hctx *hookrunner.Context) {
	patch := pendingConfig(hctx)
	if len(patch) == 0 {
		return
	}
	m.st.Lock()
	p, err := m.loadInstalled(hctx.Package())
	m.st.Unlock()
	if err != nil || p.Revisions[hctx.Revision()] == nil {
		return
	}
	if err := m.commitConfig(p.Name, hctx.Revision(), patch); err != nil {
		m.log.Warn("cannot keep the configuration that check-health set", "package", p.Name, "error", err)
	}
}

// commitConfig makes a patch part of a revision's configuration.
func (m *Manager) commitConfig(name string, rev int, patch map[string]json.RawMessage) error {
	if len(patch) == 0 {
		return nil
	}
	m.st.Lock()
	defer m.st.Unlock()
	doc, err := m.config(name, rev)
	if err != nil {
		return err
	}
	next, err := confdoc.Patch(doc, patch)
	if err != nil {
		return err
	}
	if !bytes.Equal(doc, next) { // a hook that sets the same every time costs no write
		m.st.Set(configKey(name, rev), next)
	}
	return nil
}

func (m *Manager) logTask(t *state.Task, format string, args ...any) {
	m.st.Lock()
	defer m.st.Unlock()
	t.Logf(format, args...)
}
