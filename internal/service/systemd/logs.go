package systemd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/service"
)

// journalField is in every entry of the journal that a service made. Anybody may
// write it into one of his own: what counts is journalUnit, which the journal itself
// writes, after the control group of who speaks.
const (
	journalField = "PKGD_SERVICE"
	journalUnit  = "_SYSTEMD_UNIT"
)

// journalLine is the longest line taken from journalctl, in bytes.
const journalLine = 1 << 20

// Logs reads the output of one service, or of all of a package, from the
// journal.
func (m *Manager) Logs(ctx context.Context, pkg, name string, n int, f func(api.LogLine) error) error {
	labels, err := m.labels(pkg, name)
	if err != nil {
		return err
	}
	syncJournal(ctx)
	if n < 0 {
		return m.journal(ctx, labels, f)
	}
	last, err := m.newest(ctx, append(labels, "--reverse"), n)
	if err != nil {
		return err
	}
	for _, line := range slices.Backward(last) {
		if err := f(line); err != nil {
			return err
		}
	}
	return nil
}

// newest gives up to n lines that journalctl finds, in its order. To have journalctl
// count would count what others have forged.
func (m *Manager) newest(ctx context.Context, args []string, n int) (lines []api.LogLine, err error) {
	if n == 0 {
		return nil, nil
	}
	enough := errors.New("enough")
	err = m.journal(ctx, args, func(line api.LogLine) error {
		if lines = append(lines, line); len(lines) < n {
			return nil
		}
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return lines, err
}

// Follow reads it as it comes. The moment to begin at is named to journalctl, and
// not "now": its now would be some tens of milliseconds later.
func (m *Manager) Follow(ctx context.Context, pkg, name string, since time.Time, f func(api.LogLine) error) error {
	args, err := m.labels(pkg, name)
	if err != nil {
		return err
	}
	args = append(args, "--follow", "--no-tail")
	if !since.IsZero() {
		args = append(args, fmt.Sprintf("--since=@%d.%06d", since.Unix(), since.Nanosecond()/1000))
	}
	err = m.journal(ctx, args, f)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// syncTimeout is how long the journal may take to write what it has; with a
// service that never stops printing it would take for ever.
const syncTimeout = time.Second

// syncJournal has the journal write what it has. Where that fails only the newest
// lines are missing.
func syncJournal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	_ = exec.CommandContext(ctx, "journalctl", "--sync").Run()
}

// labels are what the journal knows the services by, as journalctl takes them.
func (m *Manager) labels(pkg, name string) ([]string, error) {
	var labels []string
	for _, e := range m.named(pkg, nil) {
		if name == "" || name == e.service {
			labels = append(labels, journalField+"="+m.names.label(pkg, e.service))
		}
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("service %q is not known", service.ID(pkg, name))
	}
	return labels, nil
}

// journal runs journalctl and gives f what it finds.
func (m *Manager) journal(ctx context.Context, args []string, f func(api.LogLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "journalctl", append(args, "--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE,"+journalField+","+journalUnit)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("cannot read the journal: %w", err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, journalLine)
	for lines.Scan() {
		line, ok := m.logLine(lines.Bytes())
		if !ok {
			continue
		}
		if err := f(line); err != nil {
			cancel()
			_ = cmd.Wait() // it was cancelled
			return err
		}
	}
	if err := errors.Join(lines.Err(), cmd.Wait()); err != nil {
		return fmt.Errorf("cannot read the journal: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

// journalEntry is a line of journalctl's.
type journalEntry struct {
	At      string          `json:"__REALTIME_TIMESTAMP"` // microseconds
	Label   string          `json:"PKGD_SERVICE"`
	Unit    string          `json:"_SYSTEMD_UNIT"`
	Message json.RawMessage `json:"MESSAGE"` // a string, or the bytes of what is none
}

// logLine reads a line of journalctl's. It is none of ours where another unit than
// the one that it names has made it.
func (m *Manager) logLine(b []byte) (api.LogLine, bool) {
	var e journalEntry
	if json.Unmarshal(b, &e) != nil {
		return api.LogLine{}, false
	}
	usec, _ := strconv.ParseInt(e.At, 10, 64)
	pkg, name, _, ok := m.names.parse(e.Unit)
	ok = ok && m.names.label(pkg, name) == e.Label
	return api.LogLine{At: time.UnixMicro(usec).UTC(), Package: pkg, Service: name, Line: text(e.Message)}, ok
}

func text(message json.RawMessage) string {
	var s string
	if json.Unmarshal(message, &s) == nil {
		return s
	}
	var numbers []byte
	var values []int
	if json.Unmarshal(message, &values) == nil {
		for _, v := range values {
			numbers = append(numbers, byte(v))
		}
	}
	return strings.ToValidUTF8(string(numbers), "\uFFFD")
}
