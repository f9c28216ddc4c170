package cli

import (
	"context"
	"fmt"
	"strings"

	"pkgd.io/pkgd/internal/human"
)

// healthOf asks hosts for health and shows what they answer, with what hooks
// printed where that is part of it.
func (a *app) healthOf(ctx context.Context, q question) error {
	answers, err := a.askHosts(ctx, q)
	if err != nil {
		return err
	}
	c := collate(answers)
	err = a.answer(c.Hosts, func() error {
		if err := a.hostsTable(c); err != nil {
			return err
		}
		if q.detail {
			err = a.hostsDetail(c)
		}
		a.hostsOutput(c)
		return err
	})
	if err != nil {
		return err
	}
	return endWith(c.Level)
}

// hostsTable is the line for monitoring and a row for each package of each host.
func (a *app) hostsTable(c collated) error {
	a.say("%s", a.hostsLine(c))
	t := newTable(0, "NAME", "HOST", "VERSION", "STATUS", "SINCE", "WHY")
	for _, group := range c.groups {
		for _, r := range group {
			t.add(plain(r.Package), plain(r.host), plain(r.Version), a.statusCell(r.Status), plain(since(a.env.Now(), r.Since)), plain(a.recordWhy(r.Record)))
		}
	}
	return t.write(a.env.Stdout)
}

// hostsLine is what a monitoring system reads of several hosts: "FAULT - 3 hosts:
// 1 FAULT, 1 silent, 1 OK; 5 packages: 4 active, 1 error".
func (a *app) hostsLine(c collated) string {
	line := a.out.status(c.Level) + " - " + human.Count(len(c.Hosts.Hosts), "host")
	line += ": " + strings.Join(c.levels(), ", ") + "; " + countWords(c.Counts)
	if a.env.StdoutTerminal {
		return line
	}
	return fmt.Sprintf("%s | hosts=%d silent=%d%s", line, len(c.Hosts.Hosts), c.silent, statusData(c.Counts))
}

// levels counts the hosts by level, the worst first.
func (c collated) levels() (words []string) {
	seen := map[string]int{}
	for _, h := range c.Hosts.Hosts {
		level := h.Level
		if !h.Answered {
			level = "silent"
		}
		seen[level]++
	}
	for _, level := range []string{"FAULT", "silent", "UNKNOWN", "DEGRADED", "OK"} {
		if n := seen[level]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, level))
		}
	}
	return words
}

// hostsDetail is all that each host says of the one package.
func (a *app) hostsDetail(c collated) error {
	for _, group := range c.groups {
		for _, r := range group {
			if r.Package == noPackage {
				continue
			}
			a.say("\n%s on %s", a.out.bold(strings.TrimSpace(r.Package+" "+r.Version)), a.out.bold(r.host))
			if err := a.recordDetail(r.Record); err != nil {
				return err
			}
		}
	}
	return nil
}

// hostsOutput shows what hooks printed, host by host.
func (a *app) hostsOutput(c collated) {
	for _, group := range c.groups {
		for _, r := range group {
			a.output(r.Record, " on "+r.host)
		}
	}
}
