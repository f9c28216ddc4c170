package service

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// EndedWell says whether a service that nobody asked to end has ended well: with
// status 0 or by one of the signals that ask for it.
func EndedWell(status int, signal syscall.Signal) bool {
	switch signal {
	case 0:
		return status == 0
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGTERM:
		return true
	}
	return false
}

// HowEnded says so in words: "crashed (exit status 3)", "ended (signal SIGTERM)".
func HowEnded(status int, signal syscall.Signal) string {
	verb, how := "crashed", fmt.Sprintf("exit status %d", status)
	if EndedWell(status, signal) {
		verb = "ended"
	}
	if signal != 0 {
		how = "signal " + unix.SignalName(signal)
	}
	return verb + " (" + how + ")"
}

// BeingStartedAgain is what Status.Detail begins with while a service that has
// ended so is about to run again.
func BeingStartedAgain(ended string) string { return ended + " and is being started again" }
