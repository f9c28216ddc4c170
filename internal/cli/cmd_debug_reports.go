package cli

import (
	"context"
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

type cmdDebugReports struct{}

func (*cmdDebugReports) run(ctx context.Context, a *app, _ []string) error {
	o, err := a.client.Reports(ctx)
	if err != nil {
		return cannot("show the reports", err)
	}
	return a.answer(o, func() error { return a.outboxText(o) })
}

func (a *app) outboxText(o api.Outbox) error {
	if o.URL == "" {
		a.say("no reports are made: fleet.url is not set in %s", a.dirs.Config())
		return nil
	}
	now := a.env.Now()
	f := a.fields()
	f.add("collector", o.URL)
	f.add("device", o.Device)
	f.add("boot", o.Boot)
	f.add("last exchange", ago(now, o.LastExchange))
	f.add("next exchange", in(now, o.NextExchange))
	if o.Failures > 0 {
		f.add("failures", fmt.Sprintf("%d in a row, the last %s", o.Failures, ago(now, o.LastErrorAt)))
		f.add("error", o.LastError)
	}
	f.add("delivered", human.Count(int(o.Delivered), "report"))
	f.add("waiting", fmt.Sprintf("%s, %d at rest, %s", human.Count(o.Changes, "change"), o.Rest, size(int64(o.Bytes))))
	f.add("lost", lostWords(o.Lost))
	if err := f.write(); err != nil {
		return err
	}
	return a.reportTables(o)
}

// lostWords says what will never arrive; nothing is no words.
func lostWords(l api.Lost) string {
	var words []string
	for _, part := range []struct {
		n    uint64
		noun string
	}{{l.Changes, "change"}, {l.Runs, "run"}, {l.Refused, "refused report"}} {
		if part.n > 0 {
			words = append(words, human.Count(int(part.n), part.noun))
		}
	}
	return strings.Join(words, ", ")
}

// reportTables lists what waits and what was refused, where there is any.
func (a *app) reportTables(o api.Outbox) error {
	waits := newTable(0, "WAITS", "KIND", "PACKAGE", "SINCE", "WHAT")
	for _, w := range o.Waiting {
		waits.row(reportName(w), w.Kind, w.Package, ago(a.env.Now(), &w.At), waitingWords(w))
	}
	refused := newTable(0, "REFUSED", "KIND", "PACKAGE", "OF", "WHY")
	for _, w := range o.Refused {
		refused.row(reportName(w), w.Kind, w.Package, ago(a.env.Now(), &w.At), w.Reason)
	}
	for _, t := range []*table{waits, refused} {
		if len(t.rows) == 1 {
			continue
		}
		a.say("")
		if err := t.write(a.env.Stdout); err != nil {
			return err
		}
	}
	return nil
}

func reportName(w api.WaitingReport) string { return fmt.Sprintf("%s/%d", w.Boot, w.Sequence) }

func waitingWords(w api.WaitingReport) string {
	text := w.Outcome
	if w.Kind == api.ReportRest {
		text = human.Count(int(w.Runs), "run")
	}
	if w.InDoubt {
		text += ", may have arrived"
	}
	return text
}
