package supervisor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"
)

// logLine is one line of output and when it was written.
type logLine struct {
	at   time.Time
	text string
}

// logTail is a place in a log: all lines up to it have been read.
type logTail struct {
	log   *logFile
	file  *os.File // being read; nil when there is none yet
	lines *bufio.Reader
	turns int    // rotations when file was opened
	part  string // a line that is not whole yet
}

// tail gives all lines there are, oldest first, and the place behind them,
// which the caller closes.
func (l *logFile) tail() ([]logLine, *logTail, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []logLine
	for i := logFileCount - 1; i > 0; i-- {
		old, err := readLogFile(l.name(i))
		if err != nil {
			return nil, nil, err
		}
		lines = append(lines, old...)
	}
	t := &logTail{log: l}
	if err := t.openLocked(); err != nil {
		return nil, nil, err
	}
	fresh, err := t.more()
	if err != nil {
		t.close()
		return nil, nil, err
	}
	return append(lines, fresh...), t, nil
}

func readLogFile(path string) ([]logLine, error) {
	t := &logTail{}
	if err := t.openPath(path); err != nil {
		return nil, err
	}
	defer t.close()
	return t.more()
}

func (t *logTail) openLocked() error {
	t.turns = t.log.turns
	return t.openPath(t.log.path)
}

func (t *logTail) openPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	t.file, t.lines = f, bufio.NewReader(f)
	return nil
}

func (t *logTail) close() {
	if t.file != nil {
		_ = t.file.Close()
		t.file, t.lines = nil, nil
	}
}

// more reads the whole lines up to the end of the file.
func (t *logTail) more() ([]logLine, error) {
	var lines []logLine
	for t.file != nil {
		s, err := t.lines.ReadString('\n')
		t.part += s
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return lines, err
		}
		lines = append(lines, parseLine(strings.TrimSuffix(t.part, "\n")))
		t.part = ""
	}
	return lines, nil
}

func parseLine(s string) logLine {
	if len(s) <= len(stampFormat) {
		return logLine{text: s}
	}
	at, err := time.Parse(stampFormat, s[:len(stampFormat)])
	if err != nil {
		return logLine{text: s}
	}
	return logLine{at: at, text: s[len(stampFormat)+1:]}
}

// follow gives lines as they come, until ctx ends or f fails.
func (t *logTail) follow(ctx context.Context, f func(logLine) error) error {
	for {
		wait, turned, err := t.ahead()
		if err != nil {
			return err
		}
		lines, err := t.more()
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := f(line); err != nil {
				return err
			}
		}
		if turned {
			if err := t.reopen(); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wait:
		}
	}
}

// ahead says what to wait for once the file is read, and whether the file has
// been rotated away: then what is in it is all that will ever be.
func (t *logTail) ahead() (wait <-chan struct{}, turned bool, err error) {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	if t.file == nil {
		err = t.openLocked()
	}
	return t.log.waitLocked(), t.log.turns != t.turns, err
}

// reopen goes on with the file that follows, or with the oldest there is.
func (t *logTail) reopen() error {
	t.close()
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	behind := min(t.log.turns-t.turns, logFileCount) - 1
	t.turns = t.log.turns - behind
	return t.openPath(t.log.name(behind))
}
