package supervisor_test

import (
	"slices"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/supervisor"
)

func TestRestartDelayDoublesToItsBound(t *testing.T) {
	var b supervisor.Backoff
	var got []time.Duration
	for range 11 {
		got = append(got, b.Next(time.Second))
	}
	want := []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if !slices.Equal(got, want) {
		t.Errorf("delays %v, want %v", got, want)
	}
}

func TestRestartDelayIsShortAgainAfterAQuietTime(t *testing.T) {
	var b supervisor.Backoff
	b.Next(0)
	b.Next(0)
	if got := b.Next(service.QuietTime - 1); got != 4*service.MinRestartDelay {
		t.Errorf("delay %v within the quiet time", got)
	}
	if got := b.Next(service.QuietTime); got != service.MinRestartDelay {
		t.Errorf("delay %v after the quiet time", got)
	}
}
