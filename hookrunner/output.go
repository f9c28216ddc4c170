package hookrunner

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/sys/unix"
)

// How much of a run's output is kept and logged (design §6).
const (
	maxTail     = 64 << 10 // kept, of both streams
	maxStdout   = 4 << 10  // kept, from the beginning of stdout
	maxLogLines = 100
	maxLogBytes = 64 << 10
	maxLine     = 4 << 10 // of a line; the rest of it is neither logged nor a last word
	chunk       = 32 << 10
	maxDrain    = 1 << 20 // the most that a pipe holds
)

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// output takes in what a run writes, and keeps a bounded part of it. Only the
// run's own goroutine touches it.
type output struct {
	log      *slog.Logger
	buf      *[chunk]byte // nil until something is read
	tail     []byte
	stdout   []byte
	lastErr  []byte
	logged   int
	logBytes int
	dropped  int // lines that the log did not take
}

// stream is one of the two: it holds the line that has begun.
type stream struct {
	out     *output
	name    string
	partial []byte
	fd      int   // the reading end, -1 once closed
	poll    *poll // nil: does not watch it

	// sink is the writing end. It stays open: the pipe's end would wake the daemon
	// a moment before the process's end does.
	sink *os.File
}

// open makes the pipe of a stream.
func (o *output) open(name string) (*stream, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	return &stream{out: o, name: name, fd: p[0], sink: os.NewFile(uintptr(p[1]), name)}, nil
}

// read takes one chunk in, and closes a stream that fails. It blocks unless
// poll has said that there is something.
func (s *stream) read() {
	if s.out.buf == nil {
		s.out.buf = chunks.Get().(*[chunk]byte)
	}
	n, err := unix.Read(s.fd, s.out.buf[:])
	if err == unix.EINTR {
		return
	}
	if n <= 0 {
		s.close()
		return
	}
	s.take(s.out.buf[:n])
}

// drain takes in what is in the pipe now that nobody of the run is alive. Who
// else holds its other end is not waited for.
func (s *stream) drain() {
	for range maxDrain / chunk {
		if s.fd < 0 || !readable(s.fd) {
			break
		}
		s.read()
	}
	s.close()
}

func readable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || err == unix.EINTR
}

func (s *stream) close() {
	if s.fd < 0 {
		return
	}
	s.unwatch()
	s.sink.Close()
	unix.Close(s.fd)
	s.fd = -1
	s.flush()
}

// watch has the run's poll speak of the stream.
func (s *stream) watch(p *poll) error {
	if err := p.add(s.fd); err != nil {
		return err
	}
	s.poll = p
	return nil
}

func (s *stream) unwatch() {
	if s.poll != nil {
		s.poll.remove(s.fd)
		s.poll = nil
	}
}

// flush counts an unfinished last line as a line.
func (s *stream) flush() {
	if len(s.partial) > 0 {
		s.out.line(s.name, s.partial)
	}
}

func (s *stream) take(b []byte) {
	s.out.keep(b, s.name)
	for len(b) > 0 {
		if s.out.dropped > 0 && len(s.partial) == 0 {
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
	return b[last:]
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

// end takes in the rest, logs how much the log did not take, and puts what was
// kept into res.
func (o *output) end(res *Result, streams ...*stream) {
	for _, s := range streams {
		s.drain()
	}
	if o.buf != nil {
		chunks.Put(o.buf)
		o.buf = nil
	}
	if o.dropped > 0 {
		o.log.Info("more lines were not logged", "lines", o.dropped)
	}
	res.Output = o.tail[max(0, len(o.tail)-maxTail):]
	res.Stdout = o.stdout
	res.LastStderr = strings.TrimSpace(strings.Map(printable, string(bytes.TrimSpace(o.lastErr))))
	res.Lines = o.dropped
}

// printable is c, or what stands for it where it could steer the terminal on which
// an error is read, or is no text at all.
func printable(c rune) rune {
	if unicode.IsControl(c) && c != '\t' || c == '\u2028' || c == '\u2029' {
		return '\uFFFD'
	}
	return c
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
