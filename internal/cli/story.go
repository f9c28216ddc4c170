package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// labelWidth is the width of the column that names the steps.
const labelWidth = 15

// story tells how a change comes along: a line for each step when it is done,
// and on a terminal, below them, the steps that are at work. It is told from
// whole changes, so that it misses nothing when an event is lost.
type story struct {
	w     io.Writer
	style style
	live  bool // a terminal: what is at work may be drawn and wiped
	width func() int
	now   func() time.Time

	told  map[string]bool // "package/label", and "package" for its head
	began map[string]time.Time
	names int // width of the packages' names where there are several, else 0
	drawn int // lines of the live part on the screen
	turn  int // of the spinner
}

func (a *app) newStory() *story {
	return &story{
		w: a.env.Stderr, style: a.err, live: a.env.StderrTerminal, width: a.env.Width, now: a.env.Now,
		told: map[string]bool{}, began: map[string]time.Time{},
	}
}

// update tells what is new in the change, and draws what is at work.
func (s *story) update(chg api.Change) {
	var news, live []string
	for _, item := range chg.Plan {
		if len(chg.Plan) > 1 {
			s.names = max(s.names, len(item.Package))
		}
	}
	for _, item := range chg.Plan {
		gs := groups(tasksOf(chg, item.Package))
		news = append(news, s.news(item, gs)...)
		live = append(live, s.working(item.Package, gs)...)
	}
	s.wipe()
	for _, line := range news {
		fmt.Fprintln(s.w, line)
	}
	if s.live {
		s.draw(live)
	}
}

// end wipes the live part and tells how it came out for each package.
func (s *story) end(chg api.Change) {
	s.update(chg)
	s.wipe()
	if len(chg.Plan) == 0 {
		return
	}
	for _, o := range chg.Outcomes {
		if sign, label, words := ending(o); label != "" {
			fmt.Fprintln(s.w, s.line(o.Package, sign, label, words))
		}
	}
}

func tasksOf(chg api.Change, pkg string) (tasks []api.Task) {
	for _, t := range chg.Tasks {
		if t.Package == pkg {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// news is what has not been told of one package.
func (s *story) news(item api.PlanItem, gs []*group) (lines []string) {
	if !s.told[item.Package] {
		s.told[item.Package] = true
		lines = append(lines, s.style.bold(s.style.text(heading(item))))
	}
	for _, g := range gs {
		key := item.Package + "/" + g.step.label
		if s.told[key] {
			continue
		}
		if t, ok := g.failed(); ok {
			s.told[key] = true
			lines = append(lines, s.line(item.Package, signFailed, g.label(), failedWords(t)))
		} else if g.done() {
			s.told[key] = true
			if g.telling() {
				lines = append(lines, s.line(item.Package, signOf(g), g.label(), g.words()))
			}
		}
	}
	return lines
}

// heading is the line above a package's steps.
func heading(item api.PlanItem) string {
	switch {
	case item.Action == "remove":
		return item.Package + " " + item.FromVersion + " → removed"
	case item.FromVersion == "":
		return strings.TrimSpace(item.Package + " " + item.ToVersion)
	}
	return item.Package + " " + item.FromVersion + " → " + item.ToVersion
}

// line is one step's line. With several packages at once each line says whose.
func (s *story) line(pkg string, sign rune, label, words string) string {
	head := "  "
	if s.names > 0 {
		head += fmt.Sprintf("%-*s  ", s.names, pkg)
	}
	text := fmt.Sprintf("%-*s%s", labelWidth, label, s.style.text(words))
	return head + s.style.sign(sign) + " " + strings.TrimRight(text, " ")
}

// signOf is the sign of a step that is done: for a check what it found.
func signOf(g *group) rune {
	if !strings.HasPrefix(g.step.label, "check") {
		return signDone
	}
	status, _, _ := strings.Cut(g.result(), " ")
	switch strings.TrimSuffix(status, ":") { // which stands there when there is no code
	case "error", "blocked":
		return signFailed
	case "waiting", "maintenance":
		return signPerson
	}
	return signDone
}

// failedWords is why a task failed: what it found, else the end of its log.
func failedWords(t api.Task) string {
	if t.Result != "" {
		return t.Result
	}
	if len(t.Log) == 0 {
		return ""
	}
	last := t.Log[len(t.Log)-1]
	if _, text, ok := strings.Cut(last, " ERROR "); ok {
		return text
	}
	return last
}

// working is a line for each package's step that is at work.
func (s *story) working(pkg string, gs []*group) (lines []string) {
	for _, g := range gs {
		t, ok := g.running()
		if !ok {
			continue
		}
		if s.began[t.ID].IsZero() {
			s.began[t.ID] = s.now()
		}
		label := g.label()
		if t.Status == "Undoing" {
			label = "going back"
		}
		lines = append(lines, s.line(pkg, ' ', label, progressWords(t, s.now().Sub(s.began[t.ID]))))
	}
	return lines
}

func progressWords(t api.Task, d time.Duration) string {
	if p := t.Progress; p != nil && p.Total > 1 {
		return fmt.Sprintf("%d %%  %s", 100*p.Done/p.Total, p.Label)
	}
	if d < time.Second {
		return ""
	}
	return human.Span(d)
}

// draw puts the live part on the screen, with a spinner before each line.
func (s *story) draw(lines []string) {
	s.turn++
	for _, line := range lines {
		line = strings.Replace(line, s.style.sign(' '), s.spinner(), 1)
		if w := s.width(); w > 0 {
			line = runewidth.Truncate(line, w-1, "")
		}
		fmt.Fprintln(s.w, s.style.dim(line))
	}
	s.drawn = len(lines)
}

func (s *story) spinner() string {
	frames := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	if s.style.ascii {
		frames = []string{"| ", "/ ", "- ", `\ `}
	}
	return frames[s.turn%len(frames)]
}

// wipe takes the live part off the screen.
func (s *story) wipe() {
	if s.drawn > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}
