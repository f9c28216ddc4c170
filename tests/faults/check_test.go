package faults

import (
	"os"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// cleanAfterRestart looks once more after a planned restart, and ends.
func (w *site) cleanAfterRestart(want int) {
	w.Helper()
	w.Stop()
	w.Start()
	w.Holds(want)
	w.NoLeftovers()
	w.Stop()
}

// answers checks that health is told while a fault lasts, and gives it.
func (w *site) answers() api.Health {
	w.Helper()
	h, err := w.Client.Health(w.Ctx())
	if err != nil {
		w.Fatalf("health is silent: %v\n%s", err, w.Said)
	}
	return h
}

// says checks that an error is there and has these words in it.
func (w *site) says(err error, words ...string) {
	w.Helper()
	if err == nil {
		w.Errorf("no error, want one with %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			w.Errorf("error says %q, want %q in it", err, word)
		}
	}
}

// copyOf reads a file whole, to compare it later.
func (w *site) copyOf(path string) []byte {
	w.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		w.Fatal(err)
	}
	return b
}
