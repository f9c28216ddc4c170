package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// Config gives a package's configuration, or the part of it that keys name.
func (c *Client) Config(ctx context.Context, name string, keys []string) (doc json.RawMessage, err error) {
	q := url.Values{}
	if len(keys) > 0 {
		q.Set("keys", strings.Join(keys, ","))
	}
	err = c.get(ctx, configPath(name), q, &doc)
	return doc, err
}

// SetConfig changes configuration in a change; a nil value unsets its key.
func (c *Client) SetConfig(ctx context.Context, name string, req api.ConfigRequest) (change string, err error) {
	return c.post(ctx, configPath(name), req, nil)
}

func configPath(name string) string { return "/v1/config/" + url.PathEscape(name) }
