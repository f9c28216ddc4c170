package supervisor

import (
	"errors"
	"time"
)

// Backoff is the rule of restarts, for tests.
type Backoff struct{ b backoff }

func (b *Backoff) Next(up time.Duration) time.Duration { return b.b.next(up) }

// The bounds of logs, for tests.
const (
	LogFileSize  = logFileSize
	LogFileCount = logFileCount
	LogLineSize  = logLineSize
)

// LogBack writes pieces of output as a service would and gives its lines.
func LogBack(path string, pieces [][]byte) (lines []string, err error) {
	l := &logFile{path: path}
	for _, p := range pieces {
		if _, err := l.Write(p); err != nil {
			return nil, err
		}
	}
	l.finish()
	read, tail, err := l.tail()
	if err != nil {
		return nil, err
	}
	tail.close()
	for _, line := range read {
		if line.at.IsZero() {
			return nil, errors.New("a line without a time: " + line.text)
		}
		lines = append(lines, line.text)
	}
	return lines, nil
}
