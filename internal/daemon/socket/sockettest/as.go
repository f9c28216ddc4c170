// Package sockettest connects to unix sockets as other users, for tests that are
// root.
package sockettest

import (
	"net"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Who is a user as whom a test connects.
type Who struct {
	UID, GID int
	Groups   []uint32
}

// Nobody is a user without any rights.
var Nobody = Who{UID: 65534, GID: 65534}

// Dial connects as another user, without another process: credentials are a
// thread's, and the kernel notes those of the thread that connects.
func Dial(socket string, w Who) (c net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with its user
		if err = become(w); err == nil {
			c, err = connect(socket)
		}
	}()
	<-done
	return c, err
}

func become(w Who) error {
	var groups unsafe.Pointer
	if len(w.Groups) > 0 {
		groups = unsafe.Pointer(&w.Groups[0])
	}
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, uintptr(len(w.Groups)), uintptr(groups), 0},
		{unix.SYS_SETRESGID, uintptr(w.GID), uintptr(w.GID), uintptr(w.GID)},
		{unix.SYS_SETRESUID, uintptr(w.UID), uintptr(w.UID), uintptr(w.UID)},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return errno
		}
	}
	return nil
}

func connect(socket string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}
