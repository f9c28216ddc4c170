package reportstate

import (
	"context"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// MaxRequests is how many requests are made in a row.
const MaxRequests = maxRequests

// ReadAnswer reads a collector's answer, and when the next exchange would be.
func ReadAnswer(b []byte) (api.ExchangeAnswer, time.Duration, error) {
	a, err := parseAnswer(b)
	return a.ExchangeAnswer, a.wait(time.Minute), err
}

// RetryAfter reads a header of that name.
func RetryAfter(text string, now time.Time) time.Duration { return retryAfter(text, now) }

// ReadToken reads a device's token.
func ReadToken(path string) (string, error) { return readToken(path) }

// SetSync puts another disk to be waited for under the manager, before StartUp.
func (m *Manager) SetSync(sync func(context.Context) error) { m.sync = sync }
