package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// Services lists the services of packages, or of all without names. A name is
// PACKAGE or PACKAGE.SERVICE.
func (c *Client) Services(ctx context.Context, names []string) (list []api.Service, err error) {
	err = c.get(ctx, "/v1/services", namesQuery(names), &list)
	return list, err
}

// ServiceAction starts, stops or restarts services.
func (c *Client) ServiceAction(ctx context.Context, req api.ServiceRequest) (change string, err error) {
	return c.post(ctx, "/v1/services", req, nil)
}

// Logs hands the last n lines of services' output to f, oldest first, and with
// follow those to come until ctx ends.
func (c *Client) Logs(ctx context.Context, names []string, n int, follow bool, f func(api.LogLine) error) error {
	q := namesQuery(names)
	q.Set("n", strconv.Itoa(n))
	if follow {
		q.Set("follow", "true")
	}
	resp, err := c.open(ctx, http.MethodGet, "/v1/logs", q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := readEnvelope(resp)
		return err
	}
	return eachLine(ctx, resp.Body, f)
}

func eachLine(ctx context.Context, r io.Reader, f func(api.LogLine) error) error {
	for dec := json.NewDecoder(r); ; {
		var line api.LogLine
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if err := f(line); err != nil {
			return err
		}
	}
}

func namesQuery(names []string) url.Values {
	q := url.Values{}
	if len(names) > 0 {
		q.Set("names", strings.Join(names, ","))
	}
	return q
}
