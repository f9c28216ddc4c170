package daemon_test

import (
	"testing"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/daemon"
)

func TestWhatChangesSomethingWaitsUntilTasksMayRunAndLookingDoesNot(t *testing.T) {
	begun, answered := make(chan struct{}), make(chan struct{})
	h := startWith(t, newFake(), func(o *daemon.Options) { o.Begun = begun })
	go func() {
		defer close(answered)
		h.ask("POST", "/v1/warnings", `{"action":"okay"}`)
	}()
	for range 20 {
		var list []api.Package
		h.answer("GET", "/v1/packages", "", &list)
	}
	select {
	case <-answered:
		t.Error("it did not wait")
	default:
	}
	close(begun)
	<-answered
}
