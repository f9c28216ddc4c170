package cli

import (
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

// step is one line of a package's story. Several tasks make one step where they
// are one thing to a person: stopping, linking and starting is "switch".
type step struct {
	label string
	tasks []string // kinds; the step is told when the last of those present is ready
	quiet bool     // told only when it was slow, failed, or has something to say
}

// steps is the story of every kind of change, in the order of its telling. A
// change that lacks a step's tasks lacks the step.
func steps() []step {
	return []step{
		{label: "fetch", tasks: []string{"fetch-package"}, quiet: true},
		{label: "verify", tasks: []string{"verify-package"}, quiet: true},
		{label: "unpack", tasks: []string{"unpack-package"}},
		{label: "copy data", tasks: []string{"copy-data"}, quiet: true},
		{label: "check before", tasks: []string{"check-health-before"}},
		{label: "switch", tasks: []string{"stop-services", "snapshot-data", "link-package", "start-services"}},
		{label: "check after", tasks: []string{"await-verdict"}},
	}
}

// slow is from when on a quiet step is worth a line.
const slow = 0.5 // seconds

// labelOf names the step that a task of another kind is on its own. Only the
// summary of a hook's task says which hook ("Run hook configure of ...").
func labelOf(t api.Task) string {
	words := strings.Fields(t.Summary)
	if t.Kind == "run-hook" && len(words) > 2 {
		return words[2]
	}
	return strings.ReplaceAll(t.Kind, "-", " ")
}

// group is the tasks of one step in one package.
type group struct {
	step  step
	tasks []api.Task
}

// groups puts a package's tasks into the order of the story.
func groups(tasks []api.Task) (list []*group) {
	known := steps()
	at := map[string]*group{}
	for _, t := range tasks {
		s := stepOf(known, t)
		g := at[s.label]
		if g == nil {
			g = &group{step: s}
			at[s.label] = g
			list = append(list, g)
		}
		g.tasks = append(g.tasks, t)
	}
	return list
}

func stepOf(known []step, t api.Task) step {
	for _, s := range known {
		for _, kind := range s.tasks {
			if kind == t.Kind {
				return s
			}
		}
	}
	return step{label: labelOf(t), tasks: []string{t.Kind}, quiet: true}
}

// label is the step's name, fitted to what the step does in this change.
func (g *group) label() string {
	if g.step.label != "switch" {
		return g.step.label
	}
	switch {
	case g.tasks[0].Kind != "stop-services":
		return "start"
	case len(g.tasks) == 1:
		return "stop"
	}
	return "switch"
}

// done tells whether the step has been done, whatever came of it later.
func (g *group) done() bool {
	for _, t := range g.tasks {
		switch t.Status {
		case "Done", "Undo", "Undoing", "Undone":
		default:
			return false
		}
	}
	return true
}

// failed gives the task that went wrong.
func (g *group) failed() (api.Task, bool) {
	for _, t := range g.tasks {
		if t.Status == "Error" {
			return t, true
		}
	}
	return api.Task{}, false
}

// running gives the task that is at work.
func (g *group) running() (api.Task, bool) {
	for _, t := range g.tasks {
		if t.Status == "Doing" || t.Status == "Undoing" {
			return t, true
		}
	}
	return api.Task{}, false
}

// result is what the step has to say: the words of its last task that has any.
func (g *group) result() string {
	for i := len(g.tasks) - 1; i >= 0; i-- {
		if r := g.tasks[i].Result; r != "" {
			return r
		}
	}
	return ""
}

func (g *group) took() float64 {
	sum := 0.0
	for _, t := range g.tasks {
		sum += t.Doing
	}
	return sum
}

// telling is whether the step is worth a line now that it is done.
func (g *group) telling() bool {
	return !g.step.quiet || g.result() != "" || g.took() >= slow
}

// words are what stands behind the label of a step that is done.
func (g *group) words() string {
	if r := g.result(); r != "" {
		return r
	}
	return human.Seconds(g.took())
}
