package monitoring_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// page is a how-to page, with what of it tests have taken.
type page struct {
	t      *testing.T
	name   string
	text   string
	blocks []block
	shown  map[string]int // steps taken, by command
}

// block is a fenced block. Its first line, a comment, names the file that it
// is. One of kind console has steps instead.
type block struct{ kind, name, text string }

// step is a command with what it prints.
type step struct{ command, output string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// takenFrom remembers, as "PAGE: WHAT", what tests have taken.
var takenFrom sync.Map

// readPage reads how to monitor with a tool.
func readPage(t *testing.T, tool string) *page {
	t.Helper()
	name := "monitor-with-" + tool
	text, err := os.ReadFile(filepath.Join(root, "docs/how-to", name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return &page{t: t, name: name, text: string(text), blocks: blocksOf(string(text)), shown: map[string]int{}}
}

func blocksOf(text string) (all []block) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		b := block{kind: m[1], text: m[2]}
		first, _, _ := strings.Cut(m[2], "\n")
		b.name = strings.TrimSpace(strings.TrimLeft(first, "#; "))
		all = append(all, b)
	}
	return all
}

// steps are the commands of a console block.
func (b block) steps() (all []step) {
	for _, part := range strings.Split("\n"+b.text, "\n$ ")[1:] {
		command, output, _ := strings.Cut(part, "\n")
		all = append(all, step{command, output})
	}
	return all
}

// file is the block that a page shows for a file.
func (p *page) file(name string) string {
	p.t.Helper()
	for _, b := range p.blocks {
		if b.name == name && b.kind != "console" {
			takenFrom.Store(p.name+": "+name, true)
			return b.text
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
		for _, s := range b.steps() {
			if b.kind != "console" || s.command != command {
				continue
			}
			if seen++; seen > p.shown[command] {
				p.shown[command] = seen
				takenFrom.Store(fmt.Sprintf("%s: $ %s (%d)", p.name, command, seen), true)
				return s.output
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

// allTaken complains of what pages show and tell to take, and no test took.
func allTaken() int {
	var left []string
	for _, name := range monitors {
		text, err := os.ReadFile(filepath.Join(root, "docs/how-to/monitor-with-"+name+".md"))
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		seen := map[string]int{}
		for _, b := range blocksOf(string(text)) {
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
func leftOf(page string, b block, seen map[string]int) (left []string) {
	if b.kind != "console" {
		return untaken(page + ": " + b.name)
	}
	for _, s := range b.steps() {
		seen[s.command]++
		left = append(left, untaken(fmt.Sprintf("%s: $ %s (%d)", page, s.command, seen[s.command]))...)
	}
	return left
}

func untaken(what string) []string {
	if _, taken := takenFrom.Load(what); taken {
		return nil
	}
	return []string{what}
}
