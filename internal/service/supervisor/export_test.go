package supervisor

import "time"

// Backoff is the rule of restarts, for tests.
type Backoff struct{ b backoff }

func (b *Backoff) Next(up time.Duration) time.Duration { return b.b.next(up) }

// The bounds of logs, for tests.
const (
	LogFileSize  = logFileSize
	LogFileCount = logFileCount
	LogLineSize  = logLineSize
)
