package tests

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// collector starts one that reports are told to, and names its address in
// $COLLECTOR. What it is told goes into the file "told", an exchange a line, with
// the token in front; where there is a file "down", it answers with the status in
// that and has taken nothing.
func collector(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: collector")
	}
	var turn sync.Mutex
	told, down := ts.MkAbs("told"), ts.MkAbs("down")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		if status, err := os.ReadFile(down); err == nil {
			http.Error(w, "down", map[string]int{"502": 502, "400": 400}[strings.TrimSpace(string(status))])
			return
		}
		if err := write(told, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, `{"next-exchange": 1}`)
	}))
	ts.Defer(s.Close)
	ts.Setenv("COLLECTOR", s.URL)
}

// write adds a request to what was told.
func write(told string, r *http.Request) error {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Clean(told), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.WriteString(f, r.Header.Get("Authorization")+" "+strings.TrimSpace(string(b))+"\n")
	return err
}
