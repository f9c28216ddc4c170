package client

import (
	"context"
	"encoding/json"
	"net/url"

	"pkgd.io/pkgd/internal/api"
)

// System describes the daemon.
func (c *Client) System(ctx context.Context) (s api.System, err error) {
	err = c.get(ctx, "/v1/system", nil, &s)
	return s, err
}

// Debug gives what the daemon shows of its inside under a name, as it is.
func (c *Client) Debug(ctx context.Context, name string) (doc json.RawMessage, err error) {
	err = c.get(ctx, "/v1/debug/"+url.PathEscape(name), nil, &doc)
	return doc, err
}

// Reports shows what waits to be told to a collector.
func (c *Client) Reports(ctx context.Context) (o api.Outbox, err error) {
	err = c.get(ctx, "/v1/debug/reports", nil, &o)
	return o, err
}
