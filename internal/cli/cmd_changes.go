package cli

import (
	"context"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/human"
)

type cmdChanges struct{}

func changesCommand() *command {
	return &command{
		name: "changes", short: "List what is being done and was done", runner: &cmdChanges{},
		long: `Lists changes, the newest first. pkgd remembers finished ones for seven days.`,
	}
}

func (*cmdChanges) run(ctx context.Context, a *app, _ []string) error {
	changes, err := a.client.Changes(ctx)
	if err != nil {
		return cannot("list changes", err)
	}
	return a.answer(list(changes), func() error {
		if len(changes) == 0 {
			a.say("no changes")
			return nil
		}
		now := a.env.Now()
		t := newTable(0, "ID", "STATUS", "BEGAN", "TOOK", "SUMMARY")
		for _, c := range changes {
			t.add(plain(c.ID), a.changeStatus(c.Status), plain(ago(now, &c.SpawnedAt)), plain(tookChange(c)), plain(c.Summary))
		}
		return t.write(a.env.Stdout)
	})
}

func tookChange(c api.Change) string {
	if c.ReadyAt == nil {
		return ""
	}
	return human.Seconds(c.ReadyAt.Sub(c.SpawnedAt).Seconds())
}

// changeStatus paints the status of a change or a task.
func (a *app) changeStatus(status string) cell {
	switch status {
	case "Done":
		return cell{status, a.out.green}
	case "Error":
		return cell{status, a.out.red}
	}
	return cell{status, a.out.yellow}
}

type changeID struct {
	ID string `positional-arg-name:"ID" required:"1" description:"The change, as \"pkgd changes\" lists it"`
}

type cmdTasks struct {
	Args changeID `positional-args:"yes"`
}

func tasksCommand() *command {
	return &command{
		name: "tasks", short: "List the steps of a change", runner: &cmdTasks{},
		long: `Lists a change's tasks with their status and, below, what they logged.`,
	}
}

func (c *cmdTasks) run(ctx context.Context, a *app, _ []string) error {
	chg, err := a.client.Change(ctx, c.Args.ID)
	if err != nil {
		return cannot("list tasks of change "+c.Args.ID, err)
	}
	for i := range chg.Tasks {
		chg.Tasks[i].Log = list(chg.Tasks[i].Log)
	}
	return a.answer(list(chg.Tasks), func() error { return a.tasksText(chg) })
}

func (a *app) tasksText(chg api.Change) error {
	t := newTable(0, "ID", "STATUS", "TOOK", "SUMMARY")
	for _, task := range chg.Tasks {
		took := ""
		if d := task.Doing + task.Undoing; d > 0 {
			took = human.Seconds(d)
		}
		summary := task.Summary
		if task.Result != "" {
			summary += ": " + task.Result
		}
		t.add(plain(task.ID), a.changeStatus(task.Status), plain(took), plain(summary))
	}
	if err := t.write(a.env.Stdout); err != nil {
		return err
	}
	for _, task := range chg.Tasks {
		if len(task.Log) == 0 {
			continue
		}
		a.say("\n%s %s", task.ID, task.Summary)
		for _, entry := range task.Log {
			a.say("  %s", strings.ReplaceAll(harmlessLines(strings.TrimRight(entry, "\n")), "\n", "\n  "))
		}
	}
	return nil
}

type cmdWatch struct {
	Args changeID `positional-args:"yes"`
}

func watchCommand() *command {
	return &command{
		name: "watch", short: "Follow a change to its end", runner: &cmdWatch{},
		long: `Tells a change's story as the command that began it would have, and exits as that would.`,
	}
}

func (c *cmdWatch) run(ctx context.Context, a *app, _ []string) error {
	if _, err := a.client.Change(ctx, c.Args.ID); err != nil {
		return cannot("watch change "+c.Args.ID, err)
	}
	return a.await(ctx, c.Args.ID, request{doing: "carry out change " + c.Args.ID})
}

type cmdAbort struct {
	waiting
	Args changeID `positional-args:"yes"`
}

func abortCommand() *command {
	return &command{
		name: "abort", short: "Stop a change and undo it", runner: &cmdAbort{},
		long: `Undoes what a change has done so far. Of several packages, those that it is done with stay as they are. Nothing is refused for it: the next refresh tries the same content again.`,
	}
}

func (c *cmdAbort) run(ctx context.Context, a *app, _ []string) error {
	id := c.Args.ID
	if err := a.client.Abort(ctx, id); err != nil {
		return cannot("abort change "+id, err)
	}
	if c.NoWait {
		return a.answer(map[string]string{"change": id}, func() error { a.say("%s", id); return nil })
	}
	chg, err := a.follow(ctx, id)
	if err != nil {
		return err
	}
	return a.answer(chg, func() error {
		if !slices.Contains([]string{"Done", "Undone", "Error", "Hold"}, chg.Status) {
			return cannot("abort change "+id, errorText("it is "+chg.Status))
		}
		if chg.Status == "Done" {
			a.say("change %s was done before it could be aborted", id)
			return nil
		}
		a.say("change %s is undone", id)
		return nil
	})
}

// begun is what follows when a change of no package's revision has been begun:
// wait for it or not, and nothing to add when all is well.
func (a *app) begun(ctx context.Context, change, what string, noWait bool) error {
	if change == "" {
		return a.nothingToDo(api.PackageResult{})
	}
	if noWait {
		return a.answer(map[string]string{"change": change}, func() error { a.say("%s", change); return nil })
	}
	return a.await(ctx, change, request{doing: what})
}
