package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"pkgd.io/pkgd/internal/strictyaml"
)

// MaxSize is how large a configuration file may be, in bytes.
const MaxSize = 1 << 20

// Values of [Config.Expose] and [Listener.Expose]: what callers who have not
// said who they are learn over TCP.
const (
	ExposeCounts = "counts" // statuses, counts and ages
	ExposeNames  = "names"  // packages' names and statuses too
	ExposeFull   = "full"   // messages and checks too
)

// Values of [Config.Services].
const (
	ServicesAuto     = "auto" // systemd where it runs, else embedded
	ServicesSystemd  = "systemd"
	ServicesEmbedded = "embedded"
)

// Config is the daemon's configuration.
type Config struct {
	Listen      []Listener // public listener; none: off
	Expose      string     // for TCP listeners that do not say
	AgentListen string     // HAProxy's agent-check; empty: off
	Health      Health
	Retain      int // revisions kept of each package
	Refresh     Refresh
	Stores      []string // where packages come from by name
	Trust       []string // keys that signed content is verified with
	Services    string   // auto, systemd or embedded
	Fleet       Fleet
}

// Health is how packages' health is watched.
type Health struct {
	Interval          time.Duration // between runs at rest
	UnhealthyInterval time.Duration // first wait while a package is not active
	Concurrency       int           // runs at rest at once; 0: as many as processors
	Settle            time.Duration // how long a refreshed package may take to become active
	Bake              time.Duration // how long it must then stay so
}

// Refresh is when packages are refreshed by themselves.
type Refresh struct {
	Schedule Schedule
	Hold     bool // no automatic refresh at all
}

// Fleet is where reports go; without URL nowhere.
type Fleet struct {
	URL       string
	TokenFile string // absolute path of a file that holds the device's token
	Interval  time.Duration
}

// Defaults is the configuration of a host that has no file.
func Defaults() Config {
	return Config{
		Expose: ExposeCounts,
		Health: Health{
			Interval:          5 * time.Minute,
			UnhealthyInterval: 30 * time.Second,
			Settle:            time.Minute,
			Bake:              5 * time.Second,
		},
		Retain:   2,
		Refresh:  Refresh{Schedule: Every(6 * time.Hour)},
		Services: ServicesAuto,
		Fleet:    Fleet{Interval: 5 * time.Minute},
	}
}

// ExposeOn is what callers of l learn: what l itself says; else all of it on a
// unix socket, and [Config.Expose] elsewhere.
func (c Config) ExposeOn(l Listener) string {
	switch {
	case l.Expose != "":
		return l.Expose
	case l.Network() == "unix":
		return ExposeFull
	default:
		return c.Expose
	}
}

// Load reads the file at path. A file that is not there is the defaults; one
// that is wrong gives strictyaml.Problems.
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Defaults(), nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("cannot read configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("cannot read configuration: %w", err)
	}
	return Parse(path, b)
}

// Parse reads the text of a configuration file. The file's name is for the
// problems only.
func Parse(file string, b []byte) (Config, error) {
	r := &reader{strictyaml.Reader{File: file}}
	c := Defaults()
	if top := r.Document(b, MaxSize); top != nil {
		r.config(top, &c)
	}
	if err := r.Problems.Err(); err != nil {
		return Config{}, err
	}
	return c, nil
}
