package daemontest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Figures are what a daemon takes of the machine.
type Figures struct {
	Goroutines  int
	Descriptors int
	Threads     int
	Resident    int // bytes
	Peak        int // bytes, the most that were ever resident
	Heap        int // bytes of objects
}

func (f Figures) String() string {
	const mb = 1 << 20
	return fmt.Sprintf("%d goroutines, %d descriptors, %d threads, %d MiB resident (peak %d), %d MiB of objects",
		f.Goroutines, f.Descriptors, f.Threads, f.Resident/mb, f.Peak/mb, f.Heap/mb)
}

// Figures asks the daemon and the kernel.
func (h *Host) Figures() Figures {
	h.t.Helper()
	doc, err := h.Client.Debug(h.Context(), "metrics-lite")
	if err != nil {
		h.t.Fatalf("%v\n%s", err, h.Log.String())
	}
	var inside map[string]float64
	if err := json.Unmarshal(doc, &inside); err != nil {
		h.t.Fatal(err)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID()))
	if err != nil {
		h.t.Fatal(err)
	}
	status := procStatus(h.t, h.PID())
	return Figures{
		Goroutines: int(inside["goroutines"]), Heap: int(inside["heap-objects"]), Descriptors: len(open),
		Threads: status["Threads"], Resident: status["VmRSS"] << 10, Peak: status["VmHWM"] << 10,
	}
}

// procStatus are the numbers in /proc/PID/status, sizes in KiB.
func procStatus(t testing.TB, pid int) map[string]int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		var n int
		if _, err := fmt.Sscan(value, &n); err == nil {
			all[name] = n
		}
	}
	return all
}

// BackTo waits until no more goroutines and descriptors are in use than at a
// time before.
func (h *Host) BackTo(before Figures) Figures {
	h.t.Helper()
	var now Figures
	defer func() {
		if h.t.Failed() {
			h.t.Logf("%v, before %v, open are %v", now, before, h.open())
		}
	}()
	Eventually(h.t, "as few goroutines and descriptors as before", func() bool {
		now = h.Figures()
		return now.Goroutines <= before.Goroutines && now.Descriptors <= before.Descriptors
	})
	return now
}

// open is what the daemon's descriptors lead to.
func (h *Host) open() (all []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", h.PID()))
	for _, link := range links {
		to, _ := os.Readlink(link) // it may have been closed
		all = append(all, to)
	}
	return all
}
