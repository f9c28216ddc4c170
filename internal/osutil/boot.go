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
