package reportstate_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pkgd.io/pkgd/overlord/reportstate"
)

func FuzzAnswersOfCollectors(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `null`, `[]`, `{"next-exchange": 60}`, `{"next-exchange": -1}`, `{"next-exchange": 1e309}`,
		`{"refused":[{"boot":"1-a","sequence":1,"reason":"x"}]}`, `{"refused":[null]}`, `<html>`, `{"next-exchange":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, wait, err := reportstate.ReadAnswer(b)
		if wait < time.Second || wait > 24*time.Hour {
			t.Errorf("%q: the next exchange is in %v", b, wait)
		}
		if err == nil && !strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
			t.Errorf("%q is taken for an answer: %+v", b, a)
		}
	})
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 7, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999999": 0, "2000000000": 24 * time.Hour,
		"Wed, 29 Jul 2026 12:01:00 GMT": time.Minute, "Wed, 29 Jul 2020 12:01:00 GMT": 0,
	} {
		if got := reportstate.RetryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestFilesThatAreNoTokenAreRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": " \n", "two": "a b", "long": strings.Repeat("x", 5000), "control": "a\x01"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := reportstate.ReadToken(path); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%s: token %q, error %v", name, token, err)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir, filepath.Join(dir, "none")} {
		if _, err := reportstate.ReadToken(path); err == nil {
			t.Errorf("%s is taken for a token", path)
		}
	}
}
