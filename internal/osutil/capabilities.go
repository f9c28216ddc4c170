package osutil

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// roundabout are the capabilities that lead around a sandbox: by them root reads
// the memory and the environment of others (and so their cookies), opens files
// without their names, makes devices, loads code into the kernel or takes the
// machine down.
var roundabout = []uint{
	unix.CAP_SYS_ADMIN, unix.CAP_PERFMON, unix.CAP_BPF, unix.CAP_SYS_PTRACE,
	unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYS_BOOT, unix.CAP_MKNOD,
	unix.CAP_DAC_READ_SEARCH, unix.CAP_MAC_ADMIN, unix.CAP_MAC_OVERRIDE,
	unix.CAP_SYSLOG, unix.CAP_CHECKPOINT_RESTORE,
}

// dropRoundabout takes them from the calling thread. As it also has no_new_privs,
// no program that it starts gets them back.
func dropRoundabout() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&head, &sets[0]); err != nil {
		return fmt.Errorf("cannot read the capabilities: %w", err)
	}
	for _, c := range roundabout {
		set, bit := &sets[c/32], uint32(1)<<(c%32)
		set.Effective &^= bit
		set.Permitted &^= bit
		set.Inheritable &^= bit
	}
	if err := unix.Capset(&head, &sets[0]); err != nil {
		return fmt.Errorf("cannot drop capabilities: %w", err)
	}
	return nil
}
