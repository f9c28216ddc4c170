package cli

import (
	"fmt"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// recordText is all that is known of one package's health.
func (a *app) recordText(r api.Record) error {
	a.say("%s", a.recordLine(r))
	if err := a.recordDetail(r); err != nil {
		return err
	}
	return a.recordNext(r)
}

// recordDetail is a record without the line for monitoring.
func (a *app) recordDetail(r api.Record) error {
	now := a.env.Now()
	f := a.fields()
	f.add("status", sinceWords(a.out.status(r.Status), since(now, r.Since)))
	f.add("code", r.Code)
	f.add("message", r.Message)
	f.add("blocked by", strings.Join(r.Blockers, ", "))
	if r.QoS != nil {
		f.add("quality", fmt.Sprintf("%g", *r.QoS))
	}
	f.add("revision", fmt.Sprint(r.Revision))
	f.add("checked", a.checkedWords(r))
	f.add("said by", sourceWords(r.Source))
	if r.Last != nil {
		f.add("last heard", fmt.Sprintf("%s, %s", healthWords(*r.Last), ago(now, r.Last.CheckedAt)))
	}
	if err := f.write(); err != nil {
		return err
	}
	return a.checksTable(r.Checks)
}

func sinceWords(text, span string) string {
	if span == "" {
		return text
	}
	return text + " since " + span
}

func (a *app) checkedWords(r api.Record) string {
	if r.CheckedAt == nil {
		return ""
	}
	words := ago(a.env.Now(), r.CheckedAt)
	if r.Duration > 0 {
		words += ", took " + human.Seconds(r.Duration)
	}
	if r.NextCheck != nil {
		words += ", next " + in(a.env.Now(), r.NextCheck)
	}
	return words
}

func sourceWords(source string) string {
	switch source {
	case "hook":
		return "its check-health hook"
	case "app":
		return "one of its apps"
	case "pkgd":
		return "pkgd"
	}
	return source
}

func (a *app) checksTable(checks []api.Check) error {
	if len(checks) == 0 {
		return nil
	}
	a.say("")
	t := newTable(0, "CHECK", "HEALTH", "QOS", "MESSAGE")
	for _, c := range checks {
		qos := ""
		if c.QoS != nil {
			qos = fmt.Sprintf("%g", *c.QoS)
		}
		t.add(plain(c.Name), a.statusCell(c.Health), plain(qos), plain(checkWords(c)))
	}
	return t.write(a.env.Stdout)
}

// checkWords is a check's message and its data.
func checkWords(c api.Check) string {
	words := []string{}
	if c.Message != "" {
		words = append(words, c.Message)
	}
	var data []string
	for k, v := range c.Data {
		data = append(data, k+"="+v)
	}
	slices.Sort(data)
	return strings.Join(append(words, data...), "  ")
}

// recordNext says what may be done about it.
func (a *app) recordNext(r api.Record) error {
	if recordLevel(r) == "UNKNOWN" {
		a.say("\n%s has said nothing of its health: it has no check-health hook that has run", r.Package)
		return nil
	}
	if recordLevel(r) == "FAULT" {
		a.story("ask it again: %s · its last change: %s", a.pkgd("check "+r.Package+" --verbose"), a.pkgd("why "+r.Package))
	}
	return nil
}
