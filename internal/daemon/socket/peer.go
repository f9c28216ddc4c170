package socket

import (
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil"
)

// Peer is the process at the other end of a connection, as the kernel recorded
// it when the connection was made.
type Peer struct {
	PID    int // 0: of a pid namespace that cannot be seen from here
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary

	// pidfd keeps PID from meaning another process. Nil where the kernel is too
	// old for SO_PEERPIDFD.
	pidfd *os.File
}

// ReadPeer asks the kernel who is at the other end of c.
func ReadPeer(c *net.UnixConn) (*Peer, error) { return ask(c, readPeerFD) }

// ReadUser asks for less, and faster: there are neither groups nor what keeps the
// pid from meaning another process.
func ReadUser(c *net.UnixConn) (*Peer, error) { return ask(c, ReadUserOf) }

func ask(c *net.UnixConn, read func(fd int) (*Peer, error)) (*Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("cannot tell who is asking: %w", err)
	}
	var p *Peer
	var failed error
	err = raw.Control(func(fd uintptr) { p, failed = read(int(fd)) })
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, fmt.Errorf("cannot tell who is asking: %w", err)
	}
	return p, nil
}

// ReadUserOf is ReadUser for who has only the connection's descriptor.
func ReadUserOf(fd int) (*Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt SO_PEERCRED", err)
	}
	return &Peer{PID: int(cred.Pid), UID: cred.Uid, GID: cred.Gid}, nil
}

func readPeerFD(fd int) (*Peer, error) {
	p, err := ReadUserOf(fd)
	if err != nil {
		return nil, err
	}
	groups, err := readPeerGroups(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", err)
	}
	p.Groups = groups
	if pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
		p.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	}
	return p, nil
}

func readPeerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 32)
	for {
		size := uint32(len(groups)) * 4
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:size/4], nil
		case unix.ERANGE: // size says how much it takes
			groups = make([]uint32, size/4)
		default:
			return nil, errno
		}
	}
}

// Gone says that the process has ended, so that its pid tells nothing more.
// Without a pidfd that cannot be told from another process of the same pid.
func (p *Peer) Gone() bool {
	if p.pidfd == nil {
		_, err := osutil.ReadProc(p.PID)
		return err != nil
	}
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return true
	}
	ended := true // a closed pidfd: the connection is over
	_ = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 0)
		ended = err == nil && n > 0
	})
	return ended
}

// Close lets go of the process.
func (p *Peer) Close() {
	if p.pidfd != nil {
		p.pidfd.Close()
	}
}
