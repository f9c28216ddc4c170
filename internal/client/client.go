// Package client is the admin's side of the admin socket. Its nouns are the
// daemon's: one file and one method a noun, with the shapes of internal/api in
// and out. A [Client] talks to one socket; an [Unreachable] says that nobody
// answers there; a refusal of the daemon is an [api.Error].
//
// Its rule: the client knows how to ask and nothing of what the answer means.
// What can be retried safely is retried here (only connecting is), everything
// else is the caller's.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// Patience is how long a client waits by default for a daemon that is just
// starting.
const Patience = 5 * time.Second

// Client asks the daemon that listens on one admin socket.
type Client struct {
	// Patience is how long connecting is tried again while nobody listens.
	Patience time.Duration
	// Waiting, where set, is called once when connecting has been tried for
	// some time and will be tried for what is left of Patience.
	Waiting func()

	socket  string
	http    *http.Client
	waiting sync.Once // calls Waiting
}

// Unreachable says that no daemon answers on a socket, and why.
type Unreachable struct {
	Socket string
	Err    error
	Lost   bool // it did answer, and went away in the middle
}

func (e *Unreachable) Error() string {
	if e.Lost {
		return fmt.Sprintf("pkgd on %s went away before it had answered: %v", e.Socket, e.Err)
	}
	return fmt.Sprintf("cannot reach pkgd on %s: %v", e.Socket, plainDialError(e.Err))
}

func (e *Unreachable) Unwrap() error { return e.Err }

// New returns a client for the daemon on the socket. It connects when first
// asked something.
func New(socket string) *Client {
	c := &Client{Patience: Patience, socket: socket}
	c.http = &http.Client{Transport: &http.Transport{DialContext: c.dial, DisableCompression: true}}
	return c
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is what the daemon says to a request that may take a change.
type Answer struct {
	Change string // its id; empty where nothing had to be done
	Result api.PackageResult
}

func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	_, err := c.do(ctx, http.MethodGet, path, query, nil, into)
	return err
}

func (c *Client) post(ctx context.Context, path string, body, into any) (change string, err error) {
	return c.do(ctx, http.MethodPost, path, nil, body, into)
}

// do makes one request and reads the envelope of its answer.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body, into any) (change string, err error) {
	resp, err := c.open(ctx, method, path, query, body)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	env, err := readEnvelope(resp)
	if err != nil {
		return "", err
	}
	if into == nil || len(env.Result) == 0 {
		return env.Change, nil
	}
	if err := json.Unmarshal(env.Result, into); err != nil {
		return "", fmt.Errorf("cannot understand the daemon's answer to %s %s: %w", method, path, err)
	}
	return env.Change, nil
}

// open makes one request and hands back the response, whose body the caller
// closes. While nobody listens yet it is made again: a daemon that is being
// started a moment before us must not look like one that is missing.
func (c *Client) open(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	start := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		resp, err := c.attempt(ctx, method, path, query, body)
		var gone *Unreachable
		if !errors.As(err, &gone) || gone.Lost || !mayBeStarting(err) {
			return resp, err
		}
		waited := time.Since(start)
		if waited+pause > c.Patience {
			return nil, err
		}
		if waited > noticeable && c.Waiting != nil {
			c.waiting.Do(c.Waiting)
		}
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func (c *Client) attempt(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	address := "http://pkgd" + path // the path's parts are escaped where they are put in
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the request: %w", err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, r)
	if err != nil {
		return nil, fmt.Errorf("cannot make the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return resp, nil
}

// explain takes net/http's wrapping off, which names a URL that nobody typed.
func (c *Client) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var op *net.OpError
	dialling := errors.As(err, &op) && op.Op == "dial"
	return &Unreachable{Socket: c.socket, Err: err, Lost: !dialling}
}

// readEnvelope gives an answer, or the daemon's refusal as an *api.Error.
func readEnvelope(resp *http.Response) (api.Response, error) {
	var env api.Response
	if err := json.NewDecoder(resp.Body).Decode(&env); err != nil {
		return env, fmt.Errorf("cannot understand the daemon's answer (%s): %w", resp.Status, err)
	}
	if env.Type != api.ErrorType {
		return env, nil
	}
	refusal := &api.Error{}
	if err := json.Unmarshal(env.Result, refusal); err != nil || refusal.Message == "" {
		return env, fmt.Errorf("the daemon refused without a reason (%s)", resp.Status)
	}
	return env, refusal
}

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", c.socket)
}

// noticeable is how long a person waits before wanting to know what for.
const noticeable = 300 * time.Millisecond

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// AwaitDaemon waits for a daemon that went away in the middle of something to
// be back, as long as Patience says.
func (c *Client) AwaitDaemon(ctx context.Context) error {
	// One that is going down may still accept, and refuse: give it time to go.
	if err := wait(ctx, 50*time.Millisecond); err != nil {
		return err
	}
	_, err := c.System(ctx)
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return nil // it does not like us, but it is there
	}
	return err
}

// mayBeStarting tells a socket that nobody listens on yet, or whose queue is
// full, from one that we may not use.
func mayBeStarting(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EAGAIN)
}

func plainDialError(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return strings.TrimPrefix(err.Error(), "connect: ")
}
