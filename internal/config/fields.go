package config

import (
	"net/url"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of what may be configured.
const (
	maxSettle      = 10 * time.Minute
	maxBake        = time.Hour
	maxInterval    = 366 * 24 * time.Hour
	maxConcurrency = 4096
	minRetain      = 2
	maxRetain      = 20
)

func (r *reader) config(n *yaml.Node, c *Config) {
	r.Fields(n, fields{
		"listen":       func(n *yaml.Node) { r.List(n, func(n *yaml.Node) { r.listen(n, c) }) },
		"expose":       func(n *yaml.Node) { r.Choice(n, &c.Expose, "value", exposures...) },
		"agent-listen": func(n *yaml.Node) { r.agentListen(n, &c.AgentListen) },
		"health":       func(n *yaml.Node) { r.health(n, &c.Health) },
		"retain":       func(n *yaml.Node) { r.Int(n, &c.Retain, minRetain, maxRetain) },
		"refresh":      func(n *yaml.Node) { r.refresh(n, &c.Refresh) },
		"stores":       func(n *yaml.Node) { r.strings(n, &c.Stores, r.text) },
		"trust":        func(n *yaml.Node) { r.strings(n, &c.Trust, r.text) },
		"services": func(n *yaml.Node) {
			r.Choice(n, &c.Services, "value", ServicesAuto, ServicesSystemd, ServicesEmbedded)
		},
		"fleet": func(n *yaml.Node) { r.fleet(n, &c.Fleet) },
	})
}

func (r *reader) health(n *yaml.Node, h *Health) {
	r.Fields(n, fields{
		"interval":           func(n *yaml.Node) { r.Duration(n, &h.Interval, 1, maxInterval) },
		"unhealthy-interval": func(n *yaml.Node) { r.Duration(n, &h.UnhealthyInterval, 1, maxInterval) },
		"concurrency":        func(n *yaml.Node) { r.Int(n, &h.Concurrency, 1, maxConcurrency) },
		"settle":             func(n *yaml.Node) { r.Duration(n, &h.Settle, 0, maxSettle) },
		"bake":               func(n *yaml.Node) { r.Duration(n, &h.Bake, 0, maxBake) },
	})
}

func (r *reader) refresh(n *yaml.Node, f *Refresh) {
	r.Fields(n, fields{
		"schedule": func(n *yaml.Node) { r.schedule(n, &f.Schedule) },
		"hold":     func(n *yaml.Node) { r.Bool(n, &f.Hold) },
	})
}

func (r *reader) schedule(n *yaml.Node, s *Schedule) {
	if n.Kind != yaml.SequenceNode {
		var text string
		if r.text(n, &text) {
			r.parsed(n, s, text)
		}
		return
	}
	var texts []string
	before := len(r.Problems)
	r.strings(n, &texts, func(n *yaml.Node, text *string) bool {
		var one Schedule
		return r.text(n, text) && r.parsed(n, &one, *text)
	})
	if len(r.Problems) == before {
		r.parsed(n, s, texts...)
	}
}

func (r *reader) parsed(n *yaml.Node, s *Schedule, texts ...string) bool {
	got, err := ParseSchedule(texts...)
	if err != nil {
		r.Fail(n, scheduleAccepted, "%v", err)
		return false
	}
	*s = got
	return true
}

func (r *reader) fleet(n *yaml.Node, f *Fleet) {
	r.Fields(n, fields{
		"url":        func(n *yaml.Node) { r.fleetURL(n, &f.URL) },
		"token-file": func(n *yaml.Node) { r.path(n, &f.TokenFile) },
		"interval":   func(n *yaml.Node) { r.Duration(n, &f.Interval, time.Second, maxInterval) },
	})
}

func (r *reader) fleetURL(n *yaml.Node, to *string) {
	var text string
	if !r.text(n, &text) {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		r.Fail(n, []string{"https://HOST[:PORT]", "http://HOST[:PORT]"}, "%q is not the address of a collector", text)
		return
	}
	*to = text
}

// path reads an absolute path: what the daemon's working directory is, nobody
// who writes this file knows.
func (r *reader) path(n *yaml.Node, to *string) bool {
	var text string
	if !r.text(n, &text) {
		return false
	}
	if !filepath.IsAbs(text) {
		r.Fail(n, []string{"an absolute path"}, "%q is not an absolute path", text)
		return false
	}
	*to = filepath.Clean(text)
	return true
}
