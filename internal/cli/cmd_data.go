package cli

import (
	"context"
	"fmt"

	"pkgd.io/pkgd/internal/api"
)

type cmdData struct {
	Args struct {
		Name   string `positional-arg-name:"NAME" required:"1" description:"The package"`
		Action string `positional-arg-name:"restore|drop" description:"What to do with one of them; without, they are listed"`
		ID     string `positional-arg-name:"ID" description:"Which, as listed"`
	} `positional-args:"yes"`
}

func dataCommand() *command {
	return &command{
		name: "data", short: "Look at, restore or drop what reverts set aside", runner: &cmdData{},
		long: `When a refresh is taken back, the data that the new revision wrote in the meantime are set aside for seven days. "restore" stops the services, puts the data in the place of the current revision's, which are set aside in turn, and starts the services again; "drop" deletes them now.`,
		examples: []example{
			{"pkgd data web", "what there is"},
			{"pkgd data web restore web-5-20260729", ""},
		},
	}
}

func (c *cmdData) run(ctx context.Context, a *app, _ []string) error {
	name, action, id := c.Args.Name, c.Args.Action, c.Args.ID
	switch {
	case action == "":
		return a.dataList(ctx, name)
	case action != "restore" && action != "drop":
		return a.usageError(fmt.Sprintf("unknown action %q", action) + didYouMean(action, "", []string{"restore", "drop"}))
	case id == "":
		return a.usageError(action + " needs the ID of what to " + action + "; see: " + a.pkgd("data "+name))
	}
	what := fmt.Sprintf("%s data %s of package %q", action, id, name)
	if err := a.client.DataAction(ctx, name, api.DataRequest{Action: action, ID: id}); err != nil {
		return cannot(what, err)
	}
	return a.answer(struct{}{}, func() error {
		a.say("%s %s", map[string]string{"restore": "restored", "drop": "dropped"}[action], id)
		return nil
	})
}

func (a *app) dataList(ctx context.Context, name string) error {
	items, err := a.client.Data(ctx, name)
	if err != nil {
		return cannot(fmt.Sprintf("list what was set aside of package %q", name), err)
	}
	return a.answer(list(items), func() error {
		if len(items) == 0 {
			a.say("nothing of %s is set aside", name)
			return nil
		}
		t := newTable(0, "ID", "REVISION", "VERSION", "SIZE", "SET ASIDE", "DELETED")
		for _, it := range items {
			t.row(it.ID, fmt.Sprint(it.Revision), it.Version, size(it.Bytes), ago(a.env.Now(), &it.At), in(a.env.Now(), &it.Until))
		}
		return t.write(a.env.Stdout)
	})
}
