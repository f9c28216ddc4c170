package monitoring_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pkgd.io/pkgd/tests/howto"
)

const root = "../.."

// page is a how-to page, with what of it tests have taken.
type page struct {
	t      *testing.T
	name   string
	text   string
	blocks []howto.Block
	shown  map[string]int // steps taken, by command
}

// takenFrom remembers, as "PAGE: WHAT", what tests have taken.
var takenFrom sync.Map

// readPage reads how to monitor with a tool.
func readPage(t *testing.T, tool string) *page {
	t.Helper()
	name := "monitor-with-" + tool
	text, err := howto.Read(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return &page{t: t, name: name, text: text, blocks: howto.Blocks(text), shown: map[string]int{}}
}

// file is the block that a page shows for a file.
func (p *page) file(name string) string {
	p.t.Helper()
	for _, b := range p.blocks {
		if b.Name == name && b.Kind != "console" {
			takenFrom.Store(p.name+": "+name, true)
			return b.Text
		}
	}
	p.t.Fatalf("docs/how-to/%s.md has no block that begins with %q", p.name, "# "+name)
	return ""
}

// step is what the page says that a command prints, the next time it is shown.
func (p *page) step(command string) string {
	p.t.Helper()
	seen := 0
	for _, b := range p.blocks {
		for _, s := range b.Steps() {
			if b.Kind != "console" || s.Command != command {
				continue
			}
			if seen++; seen > p.shown[command] {
				p.shown[command] = seen
				takenFrom.Store(fmt.Sprintf("%s: $ %s (%d)", p.name, command, seen), true)
				return s.Output
			}
		}
	}
	p.t.Fatalf("docs/how-to/%s.md does not show %q, or not so often", p.name, command)
	return ""
}

// varying is what is different in every run.
var varying = []struct {
	text *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:.]+Z?`), "TIME"},
	{regexp.MustCompile(`[\d.]+ (s|min|h|second|seconds|KB|B|bytes)\b`), "N"},
	{regexp.MustCompile(`\d\.\d{3,}s?`), "N"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(`(?m) $`), ""},
}

func plain(s string) string {
	for _, v := range varying {
		s = v.text.ReplaceAllString(s, v.as)
	}
	return strings.TrimSpace(s)
}

// shows runs a step of the page on the host until it prints what the page says:
// tools look in their own time.
func (p *page) shows(h *host, command string) {
	p.t.Helper()
	want := plain(h.here(p.step(command)))
	got := ""
	for deadline := time.Now().Add(limit / 2); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, out := h.sh(h.here(command))
		if got = plain(out); got == want {
			return
		}
	}
	p.t.Fatalf("$ %s\n%s", command, cmp.Diff(want, got))
}

// sections that every page has: what you get, the configuration, how to see it
// work, what goes wrong.
var sections = []string{"## Configure", "## See it work", "## What goes wrong"}

// monitors are the pages of this package.
var monitors = []string{"docker", "haproxy", "kubernetes", "nagios", "nginx", "prometheus", "systemd", "zabbix"}

func TestEveryPageHasWhatPeopleLookFor(t *testing.T) {
	for _, name := range monitors {
		p := readPage(t, name)
		at := 0
		for _, section := range sections {
			i := strings.Index(p.text, "\n"+section+"\n")
			if i < at {
				t.Errorf("%s: %q is missing, or not in its place", p.name, section)
			}
			at = max(at, i)
		}
	}
}

// bedTakes names the page whose commands want a host that systemd runs: all of them
// are tests/system's.
const bedTakes = "systemd"

// allTaken complains of what pages show and tell to take, and no test took.
func allTaken() int {
	var left []string
	for _, name := range monitors {
		text, err := howto.Read(root, "monitor-with-"+name)
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		seen := map[string]int{}
		for _, b := range howto.Blocks(text) {
			if name == bedTakes && b.Kind == "console" {
				continue
			}
			left = append(left, leftOf("monitor-with-"+name, b, seen)...)
		}
	}
	slices.Sort(left)
	for _, what := range left {
		fmt.Fprintln(os.Stderr, "no test takes", what)
	}
	return min(len(left), 1)
}

// leftOf is what no test took of a block; seen counts the steps of the page.
func leftOf(page string, b howto.Block, seen map[string]int) (left []string) {
	if b.Kind != "console" {
		return untaken(page + ": " + b.Name)
	}
	for _, s := range b.Steps() {
		seen[s.Command]++
		left = append(left, untaken(fmt.Sprintf("%s: $ %s (%d)", page, s.Command, seen[s.Command]))...)
	}
	return left
}

func untaken(what string) []string {
	if _, taken := takenFrom.Load(what); taken {
		return nil
	}
	return []string{what}
}
