package faults

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// hideVDSO follows a traced child through its two programs, what makes the gate
// and pkgd, takes the vDSO out of what the kernel tells pkgd of itself, and lets
// it go.
func hideVDSO(pid int) error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if err := syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACEEXEC); err != nil {
		return err
	}
	for sig := 0; ; {
		if err := syscall.PtraceCont(pid, sig); err != nil {
			return err
		}
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return err
		}
		switch {
		case !status.Stopped():
			return fmt.Errorf("it ended: %v", status)
		case status.TrapCause() == syscall.PTRACE_EVENT_EXEC:
			if err := dropVDSO(pid); err != nil {
				return err
			}
			return syscall.PtraceDetach(pid)
		}
		sig = int(status.StopSignal())
	}
}

// dropVDSO finds the auxiliary vector above the arguments and the environment of
// a program that has not begun, and makes the entry of the vDSO one to ignore.
func dropVDSO(pid int) error {
	const sysinfoEHDR, ignore = 33, 1
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, &regs); err != nil {
		return err
	}
	at := uintptr(regs.Rsp)
	word := func() (v uint64, err error) {
		var b [8]byte
		_, err = syscall.PtracePeekData(pid, at, b[:])
		at += 8
		return binary.NativeEndian.Uint64(b[:]), err
	}
	argc, err := word()
	if err != nil {
		return err
	}
	at += uintptr(argc+1) * 8
	for v := uint64(1); v != 0; { // the environment, up to its end
		if v, err = word(); err != nil {
			return err
		}
	}
	for {
		kind, err := word()
		if err != nil || kind == 0 {
			return fmt.Errorf("no vDSO (%v)", err)
		}
		if kind == sysinfoEHDR {
			_, err := syscall.PtracePokeData(pid, at-8, binary.NativeEndian.AppendUint64(nil, ignore))
			return err
		}
		at += 8
	}
}
