package ctlcmd

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// ConnContext notes in a connection's context which user's process is at its
// other end, as the kernel knows it. It belongs into http.Server.ConnContext of
// the server of [Handler].
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if uid, ok := peerUID(c); ok {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

func peerUID(c net.Conn) (uid uint32, ok bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if cerr != nil || err != nil {
		return 0, false
	}
	return cred.Uid, true
}
