package hookrunner_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/hookrunner"
)

func TestOutputGoesToTheLogLineByLine(t *testing.T) {
	h := newHouse(t)
	h.script(`echo one; echo two >&2; printf 'three without an end'`)
	log := h.log.String()
	for _, want := range []string{
		`msg=one stream=stdout package=web revision=7 hook=check-health`,
		`msg=two stream=stderr package=web revision=7 hook=check-health`,
		`msg="three without an end" stream=stdout`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestLogTakesAHundredLinesAndCountsTheRest(t *testing.T) {
	h := newHouse(t)
	res := h.script(`i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo line $i; done; echo last >&2`)
	if res.Lines != 151 || res.LastStderr != "last" {
		t.Errorf("%d lines dropped, last words %q", res.Lines, res.LastStderr)
	}
	log := h.log.String()
	if n := strings.Count(log, "stream=stdout"); n != 100 {
		t.Errorf("%d lines were logged", n)
	}
	if !strings.Contains(log, `msg="more lines were not logged" lines=151`) {
		t.Error("nothing says how many were not")
	}
	if !strings.HasSuffix(string(res.Output), "line 249\nline 250\nlast\n") {
		t.Errorf("the kept output ends in %q", res.Output[len(res.Output)-40:])
	}
}

func TestLogTakes64KiB(t *testing.T) {
	h := newHouse(t)
	res := h.script(`l=$(head -c 3000 /dev/zero | tr '\0' x); for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do echo $l; done`)
	if logged := 25 - res.Lines; logged != 65536/3000 {
		t.Errorf("%d lines of 3000 bytes were logged", logged)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// allowance is what a run may allocate, whatever it writes.
const allowance = 4 << 20

func TestFloodCostsBoundedMemory(t *testing.T) {
	h := newHouse(t)
	before := allocated()
	res := h.script(`yes 'a line of the flood' | head -c 300000000; echo the end >&2`)
	if res.Err() != nil || len(res.Output) != 64<<10 || len(res.Stdout) != 4<<10 || res.LastStderr != "the end" {
		t.Errorf("%v, kept %d and %d bytes, last words %q", res.Err(), len(res.Output), len(res.Stdout), res.LastStderr)
	}
	if want := 300000000/20 - 100 + 1; res.Lines != want {
		t.Errorf("%d lines were dropped, want %d", res.Lines, want)
	}
	if got := allocated() - before; got > allowance {
		t.Errorf("it cost %d KiB", got>>10)
	}
}

func TestLineWithoutEndCostsBoundedMemory(t *testing.T) {
	h := newHouse(t)
	before := allocated()
	res := h.script(`head -c 50000000 /dev/zero | tr '\0' x >&2`)
	if res.Err() != nil || len(res.Output) != 64<<10 || len(res.LastStderr) != 4<<10 {
		t.Errorf("%v, kept %d bytes, last words of %d", res.Err(), len(res.Output), len(res.LastStderr))
	}
	if got := allocated() - before; got > allowance {
		t.Errorf("it cost %d KiB", got>>10)
	}
}

func TestLastWordsAreCleanText(t *testing.T) {
	h := newHouse(t)
	res := h.script(`printf 'first\n  caf\351 \r\n\n \n' >&2`)
	if res.LastStderr != "caf\uFFFD" {
		t.Errorf("last words are %q", res.LastStderr)
	}
}

// Somebody outside of the tree may hold the other end of the pipe: a service that
// the hook handed it to, or a curious admin.
func TestPipeHeldByAStrangerDoesNotHoldTheHook(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", `echo $$ > $PKG_DATA/pid; until [ -s $PKG_DATA/go ]; do sleep 0.02; done; echo bye`)
	done := make(chan hookrunner.Result, 1)
	go func() { done <- h.run(context.Background(), hookrunner.Run{Package: p}) }()
	h.appears(p.Data + "/pid")
	pipe, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", h.pid(p.Data+"/pid")), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	h.write(p.Data+"/go", 0o644, "x\n")
	if res := <-done; string(res.Stdout) != "bye\n" {
		t.Errorf("%+v", res)
	}
}

// The quick way through a flood must come to the same as looking at each line.
func TestOutputAgreesWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.SampledFrom([]string{
			"\n", "a\n", "\n\n \n", "b", "c\r\n", strings.Repeat("d\n", 120), strings.Repeat("e", 5000), strings.Repeat("f", 4095) + "\n", " \n",
		})).Draw(t, "pieces")
		var log bytes.Buffer
		res := hookrunner.TakeStderr(slog.New(slog.NewTextHandler(&log, nil)), pieces)
		all := strings.Join(pieces, "")
		if want := all[max(0, len(all)-64<<10):]; string(res.Output) != want {
			t.Errorf("kept %d bytes, want %d", len(res.Output), len(want))
		}
		lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
		if all == "" {
			lines = nil
		}
		logged, last := modelOfLog(lines)
		if got := strings.Count(log.String(), "stream=stderr"); got != logged || res.Lines != len(lines)-logged {
			t.Errorf("logged %d and dropped %d of %d lines, want %d logged", got, res.Lines, len(lines), logged)
		}
		if res.LastStderr != last {
			t.Errorf("last words %.20q, want %.20q", res.LastStderr, last)
		}
	})
}

func modelOfLog(lines []string) (logged int, last string) {
	full, size := false, 0
	for _, line := range lines {
		line = line[:min(4096, len(line))]
		if text := strings.TrimSpace(line); text != "" {
			last = text
		}
		line = strings.TrimRight(line, "\r")
		if full = full || logged == 100 || size+len(line) > 64<<10; !full {
			logged, size = logged+1, size+len(line)
		}
	}
	return logged, last
}
