package hookrunner

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// How much of a run's output is kept and logged (design §6).
const (
	maxTail     = 64 << 10 // kept, of both streams
	maxStdout   = 4 << 10  // kept, from the beginning of stdout
	maxLogLines = 100
	maxLogBytes = 64 << 10
	maxLine     = 4 << 10 // of a line; the rest of it is neither logged nor a last word
	chunk       = 16 << 10
	maxDrain    = 1 << 20 // the most that a pipe can hold
)

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// output takes in what a run writes, and keeps a bounded part of it.
type output struct {
	log *slog.Logger

	mu       sync.Mutex // guards what follows: two streams write
	tail     []byte
	stdout   []byte
	lastErr  []byte
	logged   int
	logBytes int
	dropped  int // lines that the log did not take
	readers  sync.WaitGroup
}

// stream is one of the two: it holds the line that has begun.
type stream struct {
	out     *output
	name    string
	partial []byte
	read    *os.File
	fd      int // of read
}

// open makes the pipe of a stream, and reads it until its end. The other end is
// the caller's to close.
func (o *output) open(name string) (*stream, *os.File, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	// Only this end: a program expects its own to block.
	if err := unix.SetNonblock(p[0], true); err != nil {
		unix.Close(p[0])
		unix.Close(p[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	s := &stream{out: o, name: name, fd: p[0], read: os.NewFile(uintptr(p[0]), name)}
	o.readers.Add(1)
	go s.copy()
	return s, os.NewFile(uintptr(p[1]), name), nil
}

func (s *stream) copy() {
	defer s.out.readers.Done()
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	for {
		n, err := s.read.Read(buf[:])
		s.take(buf[:n])
		if err == nil {
			continue
		}
		if os.IsTimeout(err) {
			s.drain(buf[:])
		}
		s.flush()
		return
	}
}

// finish ends the reading once nobody of the run is alive. What is in the pipe
// still counts; who else holds its other end is not waited for.
func (s *stream) finish() {
	_ = s.read.SetReadDeadline(time.Unix(1, 0)) // a pipe takes deadlines
}

func (s *stream) close() { s.read.Close() }

func (s *stream) drain(buf []byte) {
	for left := maxDrain; left > 0; {
		n, err := unix.Read(s.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			return
		}
		s.take(buf[:n])
		left -= n
	}
}

func (s *stream) take(b []byte) {
	if len(b) == 0 {
		return
	}
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.keep(b, s.name)
	for len(b) > 0 {
		if s.out.dropped > 0 {
			b = s.skip(b)
		}
		line, rest, ended := bytes.Cut(b, []byte{'\n'})
		if room := maxLine - len(s.partial); room > 0 {
			s.partial = append(s.partial, line[:min(room, len(line))]...)
		}
		if ended {
			s.out.line(s.name, s.partial)
			s.partial = s.partial[:0]
		}
		b = rest
	}
}

// skip counts the lines that end in b without looking into any but the last: a
// flood shall not cost the daemon more than reading it. It gives what follows.
func (s *stream) skip(b []byte) []byte {
	end := bytes.LastIndexByte(b, '\n')
	if end < 0 {
		return b
	}
	last := bytes.LastIndexByte(b[:end], '\n') + 1
	if last == 0 {
		return b // one line ends here: the usual way is as good
	}
	s.out.dropped += bytes.Count(b[:last], []byte{'\n'})
	if s.name == stderrName {
		s.out.lastWord(b[:last])
	}
	s.partial = s.partial[:0]
	return b[last:]
}

// flush counts an unfinished last line as a line.
func (s *stream) flush() {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	if len(s.partial) > 0 {
		s.out.line(s.name, s.partial)
	}
}

func (o *output) keep(b []byte, name string) {
	if room := maxStdout - len(o.stdout); name == stdoutName && room > 0 {
		o.stdout = append(o.stdout, b[:min(room, len(b))]...)
	}
	o.tail = append(o.tail, b...)
	if len(o.tail) > 2*maxTail {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-maxTail:]...)
	}
}

const (
	stdoutName = "stdout"
	stderrName = "stderr"
)

func (o *output) line(name string, line []byte) {
	line = bytes.TrimRight(line, "\r")
	if name == stderrName {
		o.lastWord(line)
	}
	// Once something was left out, all that follows is.
	if o.dropped > 0 || o.logged >= maxLogLines || o.logBytes+len(line) > maxLogBytes {
		o.dropped++
		return
	}
	o.logged++
	o.logBytes += len(line)
	o.log.Info(string(line), "stream", name)
}

// lastWord keeps the last line in lines that is not blank.
func (o *output) lastWord(lines []byte) {
	lines = bytes.TrimSpace(lines)
	if len(lines) == 0 {
		return
	}
	line := lines[bytes.LastIndexByte(lines, '\n')+1:]
	o.lastErr = append(o.lastErr[:0], line[:min(maxLine, len(line))]...)
}

// end waits for the readers, logs how much the log did not take, and puts what
// was kept into res.
func (o *output) end(res *Result, streams ...*stream) {
	for _, s := range streams {
		s.finish()
	}
	o.readers.Wait()
	for _, s := range streams {
		s.close()
	}
	if o.dropped > 0 {
		o.log.Info("more lines were not logged", "lines", o.dropped)
	}
	res.Output = o.tail[max(0, len(o.tail)-maxTail):]
	res.Stdout = o.stdout
	res.LastStderr = strings.TrimSpace(strings.ToValidUTF8(string(o.lastErr), "\uFFFD"))
	res.Lines = o.dropped
}

// runLogger names the run in each record, but only when there is one: most runs
// say nothing, and slog's With would be paid by all.
func runLogger(log *slog.Logger, run *Run) *slog.Logger {
	return slog.New(lazyHandler{log.Handler(), run})
}

// lazyHandler adds what names the run to each record.
type lazyHandler struct {
	slog.Handler
	run *Run
}

func (h lazyHandler) Handle(ctx context.Context, rec slog.Record) error {
	rec.AddAttrs(
		slog.String("package", h.run.Name),
		slog.Int("revision", h.run.Revision),
		slog.String("hook", h.run.Hook),
	)
	return h.Handler.Handle(ctx, rec)
}
