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

// Moment is a point in time that no change of the wall clock moves.
type Moment struct {
	Wall   time.Time     `json:"wall"`   // what the wall clock said
	Boot   string        `json:"boot"`   // boot id at that moment
	Uptime time.Duration `json:"uptime"` // boot clock at that moment
}

// ThisMoment is now.
func ThisMoment() Moment { return Moment{Wall: time.Now(), Boot: BootID(), Uptime: Uptime()} }

// Since is what has passed since m. Over a reboot it is what the wall clock says,
// the only one that was running, and never less than this boot has lasted.
func (m Moment) Since() time.Duration { return m.Until(ThisMoment()) }

// Until is what passed from m to a later moment.
func (m Moment) Until(later Moment) time.Duration {
	if m.Boot == later.Boot {
		return max(0, later.Uptime-m.Uptime)
	}
	return max(later.Uptime, later.Wall.Sub(m.Wall))
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

// End is when nothing will be left, by the wall clock as it is set now. It is
// rounded up to the millisecond, so that who asks twice reads the same: two clocks
// that are read one after the other do not agree on less.
func (c Countdown) End() time.Time {
	return time.Now().Add(c.Rest() + time.Millisecond - 1).Truncate(time.Millisecond)
}

// RestAt is what is left at a moment of a boot.
func (c Countdown) RestAt(boot string, uptime time.Duration) time.Duration {
	if c.Boot != boot {
		return c.Left
	}
	return max(0, c.Left-(uptime-c.Uptime))
}
