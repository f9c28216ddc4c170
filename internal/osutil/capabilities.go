package osutil

import (
	"fmt"
	"sync"

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

// capabilities is what capset(2) takes.
type capabilities struct {
	head unix.CapUserHeader
	sets [2]unix.CapUserData
}

// straightCaps is what this process has but the roundabout. Put on a child that
// also has no_new_privs, no program that it starts gets them back.
var straightCaps = sync.OnceValues(func() (*capabilities, error) {
	c := &capabilities{head: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}
	if err := unix.Capget(&c.head, &c.sets[0]); err != nil {
		return nil, fmt.Errorf("cannot read the capabilities: %w", err)
	}
	for _, capability := range roundabout {
		set, bit := &c.sets[capability/32], uint32(1)<<(capability%32)
		set.Effective &^= bit
		set.Permitted &^= bit
		set.Inheritable &^= bit
	}
	return c, nil
})
