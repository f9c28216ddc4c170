package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// How much of a service's output is kept: the file being written and two
// before it.
const (
	logFileSize  = 1 << 20
	logFileCount = 3
	logLineSize  = 8 << 10 // a longer line is broken
)

// stampFormat has a fixed width, so that a line is its stamp, a space and the
// text.
const stampFormat = "2006-01-02T15:04:05.000000000Z"

// logFile is the output of one service: PATH, and older PATH.1 and PATH.2. What
// cannot be written is dropped, since a service must not wait for a full disk.
type logFile struct {
	path string

	mu      sync.Mutex    // guards what follows
	file    *os.File      // nil until there is something to write
	size    int64         // of file
	turns   int           // rotations so far
	partial []byte        // a line whose end has not come yet
	last    string        // the last whole line
	changed chan struct{} // closed at the next write; nil when nobody waits
	dropped error         // why the last write failed
}

// Write takes a piece of output as the service wrote it.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	var out []byte
	rest := append(l.partial, p...)
	for {
		line, after, whole := cutLine(rest)
		if !whole {
			break
		}
		out = l.appendLineLocked(out, now, line)
		rest = after
	}
	l.partial = append(l.partial[:0], rest...)
	l.putLocked(out)
	return len(p), nil
}

// cutLine takes the first line off b: up to its newline, or as much as a line
// may have.
func cutLine(b []byte) (line, rest []byte, whole bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 && i <= logLineSize {
		return b[:i], b[i+1:], true
	}
	if len(b) > logLineSize {
		return b[:logLineSize], b[logLineSize:], true
	}
	return nil, b, false
}

func (l *logFile) appendLineLocked(out []byte, at time.Time, line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	l.last = string(bytes.ToValidUTF8(line, []byte("\uFFFD")))
	out = at.UTC().AppendFormat(out, stampFormat)
	out = append(out, ' ')
	out = append(out, l.last...)
	return append(out, '\n')
}

// finish writes a last line that had no newline, and lets the file go.
func (l *logFile) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.putLocked(l.appendLineLocked(nil, time.Now(), l.partial))
		l.partial = nil
	}
	l.closeLocked()
}

// lastLine is the last whole line since fresh.
func (l *logFile) lastLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// fresh forgets the last line: another instance begins.
func (l *logFile) fresh() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = ""
}

func (l *logFile) putLocked(out []byte) {
	if len(out) == 0 {
		return
	}
	if l.dropped = l.openLocked(); l.dropped == nil {
		var n int
		n, l.dropped = l.file.Write(out)
		l.size += int64(n)
	}
	if l.size >= logFileSize {
		l.rotateLocked()
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *logFile) openLocked() error {
	if l.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return err
	}
	l.file, l.size = f, fi.Size()
	return nil
}

func (l *logFile) rotateLocked() {
	l.closeLocked()
	for i := logFileCount - 1; i > 0; i-- {
		_ = os.Rename(l.name(i-1), l.name(i))
	}
	l.turns++
}

func (l *logFile) closeLocked() {
	if l.file != nil {
		_ = l.file.Close()
		l.file, l.size = nil, 0
	}
}

// name is the i-th newest file's.
func (l *logFile) name(i int) string {
	if i == 0 {
		return l.path
	}
	return l.path + "." + strconv.Itoa(i)
}

// waitLocked gives what is closed at the next write.
func (l *logFile) waitLocked() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}
