package client

import (
	"context"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Warnings lists what a person should know of.
func (c *Client) Warnings(ctx context.Context) (list []api.Warning, err error) {
	err = c.get(ctx, "/v1/warnings", nil, &list)
	return list, err
}

// Okay dismisses the warnings that were there at a time.
func (c *Client) Okay(ctx context.Context, until time.Time) error {
	_, err := c.post(ctx, "/v1/warnings", api.WarningsRequest{Action: "okay", Until: until}, nil)
	return err
}
