package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// serveText is a service that can be watched from outside without a question: it
// serves as long as it holds its revision's fifo open.
const serveText = `#!/bin/sh
exec 3>"$PKG_COMMON/alive-$PKG_REVISION"
echo serving >&3
exec sleep infinity
`

const webManifest = "name: web\nversion: %q\nsummary: A web server\nservices:\n  serve: {command: bin/serve}\n"

// writeWeb writes a version of web whose check-health says a health.
func writeWeb(dir, version, health string) error {
	return writeTree(dir, map[string]string{
		"meta/pkg.yaml":           fmt.Sprintf(webManifest, version),
		"meta/hooks/check-health": "#!/bin/sh\n# how the package fares\nctl set-health " + health + "\n",
		"bin/serve":               serveText,
	})
}

// revertFigures are filled round by round.
type revertFigures struct{ back, down, end *figure }

func newRevertFigures() revertFigures {
	return revertFigures{
		back: &figure{
			name: "revert/serving-again", what: "error hook: pkgd refresh until the old revision serves again", unit: "ms",
			baseline: "2 × (hook, stop, start) with os/exec", goal: atMost(300),
		},
		down: &figure{
			name: "revert/downtime", what: "  downtime in it, both switches", unit: "ms",
			baseline: "2 × (stop, start) with os/exec", goal: atMost(150),
		},
		end: &figure{name: "revert/command", what: "  until the command has ended", unit: "ms", goal: noGoal},
	}
}

// measureRevert refreshes to revisions whose hook says error, with pkgd's own
// defaults, and watches the service come back.
func measureRevert(b *bench) ([]*figure, error) {
	const rounds = 21
	h, err := newHouse(b.bin, b.work, "services: embedded\n")
	if err != nil {
		return nil, err
	}
	defer h.close()
	trees := filepath.Join(b.work, "web")
	w, err := h.installWeb(trees)
	if err != nil {
		return nil, err
	}
	byHand, err := startByHand(b, trees)
	if err != nil {
		return nil, err
	}
	defer byHand.close()
	f := newRevertFigures()
	for i := range rounds {
		baseBack, baseDown, err := byHand.round()
		if err != nil {
			return nil, err
		}
		r, err := h.refreshAndRevert(w, trees, firstRevision+1+i)
		if err != nil {
			return nil, err
		}
		f.back.add(ms(r.back), ms(baseBack))
		f.down.add(ms(r.down), ms(baseDown))
		f.end.add(ms(r.end))
	}
	return []*figure{f.back, f.down, f.end}, nil
}

// installWeb puts a working version in and begins to watch its service.
func (h *house) installWeb(trees string) (*watch, error) {
	tree := filepath.Join(trees, "1.0")
	if err := writeWeb(tree, "1.0", "active"); err != nil {
		return nil, err
	}
	common := h.dirs.DataCommon("web")
	if err := os.MkdirAll(common, 0o755); err != nil {
		return nil, err
	}
	w, err := newWatch(common)
	if err != nil {
		return nil, err
	}
	if err := w.follow(firstRevision); err != nil {
		return nil, err
	}
	if _, err := h.start(); err != nil {
		return nil, err
	}
	if err := h.install([]string{tree}); err != nil {
		return nil, err
	}
	_, err = w.await(change{firstRevision, true})
	return w, err
}

// firstRevision is the number of the first content that arrives.
const firstRevision = 1

type reverted struct{ back, down, end time.Duration }

// refreshAndRevert is one bad refresh, to a tree that becomes a revision.
func (h *house) refreshAndRevert(w *watch, trees string, revision int) (r reverted, err error) {
	version := fmt.Sprint("2.", revision)
	tree := filepath.Join(trees, version)
	if err := writeWeb(tree, version, "--code=schema-too-new error 'Schema 42 is newer than this program'"); err != nil {
		return r, err
	}
	if err := w.follow(revision); err != nil {
		return r, err
	}
	began := time.Now()
	cmd := h.pkgd("refresh", tree)
	var told log
	cmd.Stdout, cmd.Stderr = &told, &told
	if err := cmd.Start(); err != nil {
		return r, err
	}
	var back time.Time
	r.down, back, err = w.thereAndBack(firstRevision, revision)
	waited := cmd.Wait()
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, told.String())
	}
	const revertedForHealth = 10
	var exit *exec.ExitError
	if !errors.As(waited, &exit) || exit.ExitCode() != revertedForHealth {
		return r, fmt.Errorf("pkgd refresh: %v\n%s", waited, told.String())
	}
	r.back, r.end = back.Sub(began), time.Since(began)
	return r, nil
}

// byHand is the least that a refresh and its revert consist of, done with
// os/exec: two runs of the hook, two stops and starts of the service.
type byHand struct {
	bare  *bare
	tree  string
	stub  *role
	watch *watch
	serve *exec.Cmd
}

// The revisions that the service says it is, in turns.
const oldByHand, newByHand = 1, 2

func startByHand(b *bench, trees string) (*byHand, error) {
	socket := filepath.Join(b.work, "hand")
	stub, err := enter("stub-ctl", socket)
	if err != nil {
		return nil, err
	}
	h := &byHand{bare: &bare{bin: b.bin, socket: socket}, tree: filepath.Join(trees, "1.0"), stub: stub}
	if err := h.begin(); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// begin has the old revision serve.
func (h *byHand) begin() (err error) {
	if h.watch, err = newWatch(filepath.Join(h.tree, "data")); err != nil {
		return err
	}
	for _, revision := range []int{oldByHand, newByHand} {
		if err := h.watch.follow(revision); err != nil {
			return err
		}
	}
	if err := h.start(oldByHand); err != nil {
		return err
	}
	_, err = h.watch.await(change{oldByHand, true})
	return err
}

func (h *byHand) start(revision int) error {
	h.serve = exec.Command(filepath.Join(h.tree, "bin/serve"))
	h.serve.Dir = h.tree
	h.serve.Env = append(h.bare.environment(h.tree, "web"), fmt.Sprint("PKG_REVISION=", revision)) // the last one counts
	return h.serve.Start()
}

func (h *byHand) stop() {
	_ = h.serve.Process.Signal(unix.SIGTERM)
	_ = h.serve.Wait() // killed by what we sent
}

func (h *byHand) close() {
	if h.serve != nil {
		h.stop()
	}
	h.stub.leave()
}

func (h *byHand) round() (back, down time.Duration, err error) {
	began := time.Now()
	failed := make(chan error, 1)
	go func() { failed <- h.twice() }()
	down, up, err := h.watch.thereAndBack(oldByHand, newByHand)
	return up.Sub(began), down, errors.Join(err, <-failed)
}

func (h *byHand) twice() error {
	for _, revision := range []int{newByHand, oldByHand} {
		if err := h.bare.execHook(h.tree, "web"); err != nil {
			return err
		}
		h.stop()
		if err := h.start(revision); err != nil {
			return err
		}
	}
	return nil
}
