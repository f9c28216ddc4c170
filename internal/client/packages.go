package client

import (
	"context"
	"net/url"

	"pkgd.io/pkgd/internal/api"
)

// Packages lists what is installed.
func (c *Client) Packages(ctx context.Context) (list []api.Package, err error) {
	err = c.get(ctx, "/v1/packages", nil, &list)
	return list, err
}

// Package tells all there is to tell of one package.
func (c *Client) Package(ctx context.Context, name string) (info api.PackageInfo, err error) {
	err = c.get(ctx, packagePath(name), nil, &info)
	return info, err
}

// Why tells the story of a package's last change.
func (c *Client) Why(ctx context.Context, name string) (why api.Why, err error) {
	err = c.get(ctx, packagePath(name)+"/why", nil, &why)
	return why, err
}

// Do asks for a change of packages. The answer has no change where nothing had
// to be done.
func (c *Client) Do(ctx context.Context, req api.PackageRequest) (a Answer, err error) {
	a.Change, err = c.post(ctx, "/v1/packages", req, &a.Result)
	return a, err
}

// Data lists what reverts of a package set aside.
func (c *Client) Data(ctx context.Context, name string) (items []api.DataItem, err error) {
	err = c.get(ctx, packagePath(name)+"/data", nil, &items)
	return items, err
}

// DataAction restores or drops what a revert set aside.
func (c *Client) DataAction(ctx context.Context, name string, req api.DataRequest) error {
	_, err := c.post(ctx, packagePath(name)+"/data", req, nil)
	return err
}

// Exec asks for what it takes to run an app in this very process.
func (c *Client) Exec(ctx context.Context, req api.ExecRequest) (x api.Exec, err error) {
	_, err = c.post(ctx, "/v1/exec", req, &x)
	return x, err
}

func packagePath(name string) string { return "/v1/packages/" + url.PathEscape(name) }
