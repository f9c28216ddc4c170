package client

import (
	"context"
	"net/url"
	"strconv"

	"pkgd.io/pkgd/internal/api"
)

// Health gives the host's roll-up with every package's record.
func (c *Client) Health(ctx context.Context) (h api.Health, err error) {
	err = c.get(ctx, "/v1/health", nil, &h)
	return h, err
}

// Record gives one package's health as it was last heard.
func (c *Client) Record(ctx context.Context, name string) (r api.Record, err error) {
	err = c.get(ctx, healthPath(name), nil, &r)
	return r, err
}

// History gives a package's transitions, newest first; limit 0 is all.
func (c *Client) History(ctx context.Context, name string, limit int) (h []api.Transition, err error) {
	q := url.Values{}
	if limit > 0 {
		q.Set("n", strconv.Itoa(limit))
	}
	err = c.get(ctx, healthPath(name)+"/history", q, &h)
	return h, err
}

// Check runs check-health hooks now and gives the roll-up of what they said.
func (c *Client) Check(ctx context.Context, req api.HealthRequest) (h api.Health, err error) {
	_, err = c.post(ctx, "/v1/health", req, &h)
	return h, err
}

func healthPath(name string) string { return "/v1/health/" + url.PathEscape(name) }
