package reportstate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/config"
)

// What may come of a request.
const (
	taken    = iota // the collector has answered for every report in it
	refused         // it is wrong, and always will be
	unheard         // it was not taken, but may be later
	doubtful        // nobody knows
)

// reply is what came of a request.
type reply struct {
	kind       int
	err        error // nil where it was taken
	answer     answer
	retryAfter time.Duration // what the collector asks for; 0: nothing
}

// answer is what a collector said.
type answer struct{ api.ExchangeAnswer }

// What a collector may ask of a host.
const (
	maxAnswer = 64 << 10 // bytes
	leastWait = time.Second
	mostWait  = 24 * time.Hour
)

// wait is the time until the next exchange: what the collector names, else what
// is usual, give or take a fifth.
func (a answer) wait(usual time.Duration) time.Duration {
	s := a.NextExchange
	if s > 0 && !math.IsInf(s, 1) {
		return time.Duration(min(max(s, leastWait.Seconds()), mostWait.Seconds()) * float64(time.Second))
	}
	return about(usual)
}

// parseAnswer reads what a collector says to what it took. It is a JSON object,
// if an empty one: a portal that greets everybody with a page has taken nothing.
func parseAnswer(b []byte) (a answer, err error) {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' {
		return a, errors.New("the answer is not a collector's: it is no JSON object")
	}
	if err := json.Unmarshal(b, &a.ExchangeAnswer); err != nil {
		return a, fmt.Errorf("the answer is not a collector's: %w", err)
	}
	return a, nil
}

// post makes a request and reads what came of it.
func (m *Manager) post(ctx context.Context, e api.Exchange) reply {
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }})
	req, err := newRequest(ctx, m.fleet(), e)
	if err != nil {
		return reply{kind: unheard, err: err}
	}
	client := http.Client{
		Transport: m.o.Transport,
		// A token is for whom the admin named, and nobody that they name.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections() // it is minutes until the next
	resp, err := client.Do(req)
	if err != nil {
		if written.Load() {
			return reply{kind: doubtful, err: err}
		}
		return reply{kind: unheard, err: err}
	}
	defer resp.Body.Close()
	return read(resp)
}

func newRequest(ctx context.Context, f config.Fleet, e api.Exchange) (*http.Request, error) {
	u, err := url.Parse(f.URL)
	if err != nil {
		return nil, fmt.Errorf("cannot use fleet.url: %w", err)
	}
	body, err := packed(e)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("v1/reports").String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("cannot use fleet.url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "pkgd/"+e.Version)
	if f.TokenFile != "" {
		token, err := readToken(f.TokenFile)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func packed(e api.Exchange) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(e); err != nil {
		return nil, fmt.Errorf("internal error: cannot encode reports: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("internal error: cannot compress reports: %w", err)
	}
	return b.Bytes(), nil
}

// read judges a response. Of a server error nobody knows how far the collector,
// or one behind it, had come.
func read(resp *http.Response) reply {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	r := reply{retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	switch code := resp.StatusCode; {
	case code/100 == 2:
		if err != nil {
			return reply{kind: doubtful, err: fmt.Errorf("cannot read the collector's answer: %w", err)}
		}
		if r.answer, err = parseAnswer(body); err != nil {
			return reply{kind: doubtful, err: err}
		}
		return r
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		r.kind = refused
	case code/100 == 5, code == http.StatusRequestTimeout:
		r.kind = doubtful
	default:
		r.kind = unheard
	}
	r.err = fmt.Errorf("the collector answers %s%s", resp.Status, advice(resp, body))
	return r
}

// advice is what there is to do about a status, or what the collector says.
func advice(resp *http.Response, body []byte) string {
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return ": look at fleet.token-file"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return ": look at fleet.url"
	case code/100 == 3:
		return fmt.Sprintf(": set fleet.url to where it is, %q", resp.Header.Get("Location"))
	}
	if text := printable(body); text != "" {
		return ": " + text
	}
	return ""
}

// retryAfter reads a header of that name, in seconds or as a date.
func retryAfter(text string, now time.Time) time.Duration {
	d := time.Duration(0)
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), mostWait)
}
