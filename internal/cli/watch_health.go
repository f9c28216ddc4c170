package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/client"
)

// watchHealth stays and shows health as it changes, until the person has seen
// enough. On a terminal it is one picture that is redrawn when it would look
// different; elsewhere the picture comes once and then a line a transition.
func (a *app) watchHealth(ctx context.Context, name string) error {
	w := &healthWatch{app: a, name: name, out: a.env.Stdout, changed: make(chan *api.Transition, 1)}
	if err := w.show(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { w.listen(ctx) })
	return w.loop(ctx)
}

type healthWatch struct {
	app     *app
	name    string
	out     io.Writer
	changed chan *api.Transition // nil: look again, something may have been missed
	render  func(a *app) error   // what was last heard
	last    string               // picture on the terminal
}

func (w *healthWatch) loop(ctx context.Context) error {
	var ages <-chan time.Time // let the ages in the picture grow
	if w.drawn() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		ages = t.C
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-ages:
			err = w.redraw()
		case t := <-w.changed:
			err = w.news(ctx, t)
		}
		if err != nil && ctx.Err() == nil && !w.lost(err) {
			return err
		}
	}
}

// news shows a transition; what may have been missed shows in a picture alone.
func (w *healthWatch) news(ctx context.Context, t *api.Transition) error {
	if w.drawn() {
		return w.show(ctx)
	}
	if t == nil {
		return nil
	}
	return w.transition(*t)
}

// drawn tells whether there is one picture that is redrawn.
func (w *healthWatch) drawn() bool { return w.app.env.StdoutTerminal && w.app.format == "text" }

// lost shows that the daemon is away. It may come back, so watching goes on.
func (w *healthWatch) lost(err error) bool {
	var gone *client.Unreachable
	if !errors.As(err, &gone) && kind(err) != api.ErrStopping {
		return false
	}
	if w.drawn() {
		w.draw("pkgd does not answer; waiting for it to come back\n")
	}
	return true
}

// listen passes on transitions, and reconnects for as long as it takes.
func (w *healthWatch) listen(ctx context.Context) {
	for ctx.Err() == nil {
		again := func() { w.pass(ctx, nil) }
		// Whatever the error: the picture asks the same daemon and shows it.
		_ = w.app.client.Events(ctx, []string{"health"}, again, func(e api.Event) error {
			var t api.Transition
			if e.Type == "health" && json.Unmarshal(e.Data, &t) == nil && (w.name == "" || t.Package == w.name) {
				w.pass(ctx, &t)
			}
			return nil
		})
		_ = w.app.client.AwaitDaemon(ctx)
	}
}

func (w *healthWatch) pass(ctx context.Context, t *api.Transition) {
	select {
	case w.changed <- t:
	case <-ctx.Done():
	}
}

// show asks and draws.
func (w *healthWatch) show(ctx context.Context) error {
	if err := w.ask(ctx); err != nil {
		return err
	}
	if w.drawn() {
		return w.redraw()
	}
	return w.render(w.app)
}

func (w *healthWatch) ask(ctx context.Context) error {
	if w.name == "" {
		h, err := w.app.client.Health(ctx)
		if err != nil {
			return cannot("show health", err)
		}
		h.Packages = list(h.Packages)
		w.render = func(a *app) error {
			return a.answer(h, func() error { return a.hostText(h, a.env.Width()) })
		}
		return nil
	}
	r, err := w.app.client.Record(ctx, w.name)
	if err != nil {
		return cannot(doing("show the health of", []string{w.name}), err)
	}
	w.render = func(a *app) error { return a.answer(r, func() error { return a.recordText(r) }) }
	return nil
}

// redraw lays what was heard out anew: ages have grown.
func (w *healthWatch) redraw() error {
	a := *w.app
	var b bytes.Buffer
	a.env.Stdout, a.env.Stderr = &b, &b
	if err := w.render(&a); err != nil {
		return err
	}
	w.draw(b.String() + a.out.dim("watching: Ctrl-C ends") + "\n")
	return nil
}

// draw puts the picture in the place of the last one, if it differs.
func (w *healthWatch) draw(picture string) {
	if picture == w.last {
		return
	}
	if n := rows(w.last, w.app.env.Width()); n > 0 {
		fmt.Fprintf(w.out, "\x1b[%dA\x1b[J", n)
	}
	fmt.Fprint(w.out, picture)
	w.last = picture
}

// rows is how many lines a picture takes on a terminal of that many columns.
func rows(picture string, width int) int {
	n := 0
	for line := range strings.Lines(picture) {
		n++
		if w := runewidth.StringWidth(unpainted(line)); width > 0 && w > width {
			n += (w - 1) / width
		}
	}
	return n
}

// unpainted is a line without the end-of-line and the colours that paint puts in.
func unpainted(line string) string {
	line = strings.TrimRight(line, "\n")
	for {
		before, after, found := strings.Cut(line, "\x1b[")
		if !found {
			return line
		}
		_, after, _ = strings.Cut(after, "m")
		line = before + after
	}
}

// transition is the line, or the JSON value, of one change of health.
func (w *healthWatch) transition(t api.Transition) error {
	a := w.app
	switch a.format {
	case "json":
		return json.NewEncoder(w.out).Encode(t)
	case "yaml":
		fmt.Fprintln(w.out, "---")
		return writeYAML(w.out, t)
	}
	line := fmt.Sprintf("%s %s %s → %s  %s", t.At.Format(time.RFC3339), t.Package, t.From, t.To, transitionWhy(t))
	_, err := fmt.Fprintln(w.out, a.out.text(strings.TrimRight(line, " ")))
	return err
}
