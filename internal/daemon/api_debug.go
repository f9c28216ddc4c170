package daemon

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"pkgd.io/pkgd/internal/api"
)

// getDebug shows the inside of the daemon. What it shows is for people and may
// change with any version.
func getDebug(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	switch what := r.PathValue("what"); what {
	case "state":
		return answer{result: d.o.Debug()}, nil
	case "reports":
		return answer{result: d.o.Reports()}, nil
	case "goroutines":
		text, err := goroutines()
		return answer{result: text}, err
	case "metrics-lite":
		return answer{result: d.metricsLite()}, nil
	default:
		known := []string{"state", "reports", "goroutines", "metrics-lite"}
		return answer{}, &api.Error{
			Kind:    api.ErrNotFound,
			Message: fmt.Sprintf("there is no %q to show%s", what, didYouMean(what, known)),
			Hint:    fmt.Sprintf("there are %v", known),
		}
	}
}

func goroutines() (string, error) {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		return "", fmt.Errorf("cannot list goroutines: %w", err)
	}
	return b.String(), nil
}

// metricsLite is a handful of figures for who has no metrics system at hand:
// bytes and counts, times in seconds.
func (d *Daemon) metricsLite() map[string]float64 {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	return map[string]float64{
		"uptime":          time.Since(d.started).Seconds(),
		"goroutines":      float64(runtime.NumGoroutine()),
		"memory":          float64(samples[0].Value.Uint64()),
		"heap-objects":    float64(samples[1].Value.Uint64()),
		"gc-cycles":       float64(samples[2].Value.Uint64()),
		"packages":        float64(len(d.o.Packages.List())),
		"changes":         float64(len(d.o.Packages.Changes())),
		"event-listeners": float64(d.events.count()),
	}
}
