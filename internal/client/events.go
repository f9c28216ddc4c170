package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// Events hands the daemon's events of the types given (change, task, health) to
// f as they happen, until f fails, ctx ends or the daemon goes. Opened, where set, is called once the daemon has accepted
// the subscription: what happens from then on is heard. Events are hints: what
// they tell of can be asked for, and one may be lost.
func (c *Client) Events(ctx context.Context, types []string, opened func(), f func(api.Event) error) error {
	query := url.Values{"types": {strings.Join(types, ",")}}
	resp, err := c.open(ctx, http.MethodGet, "/v1/events", query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := readEnvelope(resp)
		return err
	}
	if opened != nil {
		opened()
	}
	err = eachEvent(resp.Body, f)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// eachEvent reads the lines of a server-sent event stream. Only data matters
// here: pkgd puts the whole api.Event into it.
func eachEvent(r io.Reader, f func(api.Event) error) error {
	lines := bufio.NewReader(r)
	var data strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			data.WriteString(strings.TrimPrefix(text, " "))
			data.WriteByte('\n')
			continue
		}
		if line != "" || data.Len() == 0 {
			continue
		}
		if err := oneEvent(data.String(), f); err != nil {
			return err
		}
		data.Reset()
	}
}

func oneEvent(data string, f func(api.Event) error) error {
	var e api.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("cannot understand an event of the daemon: %w", err)
	}
	return f(e)
}
