package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"time"

	"pkgd.io/pkgd/internal/disk"
)

// bench is what measures share.
type bench struct {
	bin  string // folder of pkgd and ctl
	work string // folder that is removed at the end; short, as sockets lie in it
}

// measure fills figures.
type measure struct {
	name string
	run  func(*bench) ([]*figure, error)
}

var measures = []measure{
	{"revert", measureRevert},
	{"engine", measureEngine},
	{"sweep", measureSweep},
	{"rest", measureRest},
	{"parts", measureParts},
	{"start", measureStart},
	{"idle", measureIdle},
	{"probes", measureProbes},
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		exit(roles[os.Args[2]](os.Args[3:]))
	}
	bin := flag.String("bin", "bin", "folder of the programs pkgd and ctl")
	only := flag.String("only", "", "measure only what this pattern matches: revert, engine, sweep, rest, parts, start, idle, probes")
	flag.Parse()
	exit(run(*bin, *only))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// builtWithCgo says whether this program's threads are C's: they cost more to
// make, and so would the loops that pkgd, which never has it, is compared with.
func builtWithCgo() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "CGO_ENABLED", Value: "1"})
}

func run(bin, only string) error {
	if builtWithCgo() {
		fmt.Fprintln(os.Stderr, "bench: built with cgo: the baselines cost more than they must, set CGO_ENABLED=0")
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	b, err := newBench(bin)
	if err != nil {
		return err
	}
	defer func() { _ = disk.RemoveTree(b.work) }()
	var figures []*figure
	for _, m := range measures {
		if !pattern.MatchString(m.name) {
			continue
		}
		began := time.Now()
		fmt.Fprintf(os.Stderr, "bench: %s …", m.name)
		filled, err := m.run(b)
		fmt.Fprintf(os.Stderr, " %.0f s\n", time.Since(began).Seconds())
		if err != nil {
			return fmt.Errorf("cannot measure %s: %w", m.name, err)
		}
		figures = append(figures, filled...)
	}
	printLines(os.Stdout, figures)
	fmt.Println()
	return printTable(os.Stdout, figures)
}

func newBench(bin string) (*bench, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"pkgd", "ctl"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("no program to measure, build it first: %w", err)
		}
	}
	work, err := os.MkdirTemp("/tmp", "pk")
	if err != nil {
		return nil, err
	}
	return &bench{bin: bin, work: work}, os.Chmod(work, 0o755)
}
