package logind_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"pkgd.io/pkgd/internal/logind"
)

func TestWithoutABusWorkGoesOnAndTheLogSaysSo(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
	var log bytes.Buffer
	i := logind.New(slog.New(slog.NewTextHandler(&log, nil)))
	i.Hold("web", "switching")
	i.Release("web")
	if !strings.Contains(log.String(), "cannot reach the bus") {
		t.Errorf("the log says %q", log.String())
	}
}
