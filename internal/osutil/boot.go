package osutil

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// BootID names this boot of the host; it is another after every reboot.
var BootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // no two boots can be told apart: what counts by boots stands still
	}
	return strings.TrimSpace(string(b))
})

// Uptime is the time since boot, suspend included. No change of the wall clock
// touches it.
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Countdown is a time that runs out by the kernel's boot clock, so that a
// jumping wall clock neither ends nor stretches it. Time in which the host was
// off does not count, because nothing that cannot be set by hand has measured it.
type Countdown struct {
	Left   time.Duration `json:"left"`   // when it was noted
	Boot   string        `json:"boot"`   // boot id at which Left was noted
	Uptime time.Duration `json:"uptime"` // boot clock at that moment
}

// CountFrom begins to count d down.
func CountFrom(d time.Duration) Countdown {
	return Countdown{Left: d, Boot: BootID(), Uptime: Uptime()}
}

// Rest is what is left now.
func (c Countdown) Rest() time.Duration { return c.RestAt(BootID(), Uptime()) }

// RestAt is what is left at a moment of a boot.
func (c Countdown) RestAt(boot string, uptime time.Duration) time.Duration {
	if c.Boot != boot {
		return c.Left
	}
	return max(0, c.Left-(uptime-c.Uptime))
}
