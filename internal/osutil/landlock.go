package osutil

import (
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What may be done with files and folders, in Landlock's bits.
const (
	accessRead = unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR |
		unix.LANDLOCK_ACCESS_FS_EXECUTE
	// Devices are left out on purpose: a root hook could otherwise make itself the
	// disk's device in its own data and write past every rule.
	accessWrite = accessRead |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REFER
	accessDevice = unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_READ_DIR |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// accessFile is all that a rule on a file may carry; the kernel refuses more.
	accessFile = unix.LANDLOCK_ACCESS_FS_EXECUTE |
		unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// LandlockABI is the kernel's Landlock version, 0 for none.
func LandlockABI() int { return landlockABI() }

// LandlockSignals says whether the kernel can keep a confined process's signals in.
func LandlockSignals() bool { return LandlockABI() >= scopeABI }

var landlockABI = sync.OnceValue(func() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
})

// handled is every right that the kernel can deny and that we want denied unless
// a rule grants it. Connecting to a unix socket (ABI 9) is not among them: the
// sockets of pkgd look at who calls, and those of the system are theirs to guard.
func handled(abi int) uint64 {
	all := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM)<<1 - 1 // ABI 1: everything up to MAKE_SYM
	if abi >= 2 {
		all |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		all |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 5 {
		all |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return all
}

// Ruleset is a Landlock ruleset, put on a process at its start. A nil Ruleset
// does not confine.
type Ruleset struct {
	fd int
}

// scopeABI is the first that keeps signals in.
const scopeABI = 6

// newRuleset makes an empty one: with it a process can open nothing, and with
// ownSignals signal nobody who is not confined by it, where the kernel knows how.
func newRuleset(ownSignals bool) (*Ruleset, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(LandlockABI())}
	size := unsafe.Sizeof(attr.Handled_access_fs) // an older kernel refuses fields that it does not know
	if ownSignals && LandlockSignals() {
		attr.Scoped, size = unix.LANDLOCK_SCOPE_SIGNAL, unsafe.Sizeof(attr)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return nil, fmt.Errorf("cannot make a Landlock ruleset: %w", errno)
	}
	return &Ruleset{fd: int(fd)}, nil
}

// allow grants access beneath path, following links. What is not there needs no
// rule.
func (r *Ruleset) allow(path string, access uint64) error {
	fd, err := openRetry(path, unix.O_PATH)
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.EACCES {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot allow %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("cannot allow %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= accessFile
	}
	rule := unix.LandlockPathBeneathAttr{
		Allowed_access: access & handled(LandlockABI()),
		Parent_fd:      int32(fd),
	}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("cannot allow %s: %w", path, errno)
	}
	return nil
}

// RestrictThread puts the ruleset on the calling thread, for good: the thread must
// be locked to its goroutine, have no_new_privs set, and die with it.
func (r *Ruleset) RestrictThread() error {
	_, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0)
	if errno != 0 {
		return fmt.Errorf("cannot confine: %w", os.NewSyscallError("landlock_restrict_self", errno))
	}
	return nil
}

// Clone gives a second handle on the same ruleset, to be closed on its own.
func (r *Ruleset) Clone() (*Ruleset, error) {
	if r == nil {
		return nil, nil
	}
	fd, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot share a Landlock ruleset: %w", err)
	}
	return &Ruleset{fd: fd}, nil
}

// Close gives back the handle. Processes stay confined.
func (r *Ruleset) Close() {
	if r != nil {
		unix.Close(r.fd)
	}
}
