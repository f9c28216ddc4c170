package client

import (
	"context"
	"net/url"

	"pkgd.io/pkgd/internal/api"
)

// Changes lists the changes that the daemon remembers, without their tasks.
func (c *Client) Changes(ctx context.Context) (list []api.Change, err error) {
	err = c.get(ctx, "/v1/changes", nil, &list)
	return list, err
}

// Change gives one change with its tasks and, where it is ready, its outcomes.
func (c *Client) Change(ctx context.Context, id string) (chg api.Change, err error) {
	err = c.get(ctx, changePath(id), nil, &chg)
	return chg, err
}

// WaitChange gives one change once it is ready.
func (c *Client) WaitChange(ctx context.Context, id string) (chg api.Change, err error) {
	err = c.get(ctx, changePath(id)+"/wait", nil, &chg)
	return chg, err
}

// Abort asks a change to undo what it has done so far.
func (c *Client) Abort(ctx context.Context, id string) error {
	_, err := c.post(ctx, changePath(id), api.ChangeRequest{Action: "abort"}, nil)
	return err
}

func changePath(id string) string { return "/v1/changes/" + url.PathEscape(id) }
