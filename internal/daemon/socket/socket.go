// Package socket opens pkgd's unix sockets and tells who connects to them. Its
// nouns are [Socket], one that listens, and [Peer], the process at the other end
// of a connection. Its rule: what is said of a peer comes from the kernel, and a
// socket's path names either a daemon that answers or nothing that anybody could
// miss.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// mode lets every local user connect; who may do what, credentials tell.
const mode = 0o666

// Socket is a listening unix socket and its path, where the daemon made it.
type Socket struct {
	*net.UnixListener
	remove func() // takes the path away again, if it is still ours
}

// Close stops listening and takes the path away.
func (s *Socket) Close() error {
	s.remove() // before, while the inode's number cannot be given to another file
	return s.UnixListener.Close()
}

// Inherited gives the sockets that a service manager opened for us, by path.
func Inherited() (map[string]*net.UnixListener, error) {
	all, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("cannot use the sockets of the service manager: %w", err)
	}
	byPath := map[string]*net.UnixListener{}
	for _, l := range all {
		if u, ok := l.(*net.UnixListener); ok {
			byPath[u.Addr().String()] = u
			continue
		}
		if l != nil {
			_ = l.Close()
		}
	}
	return byPath, nil
}

// Open listens on path: on the socket that was inherited, else on a new
// one. What a daemon that died left there is replaced in one step, so that a
// client always finds either somebody or a refused connection.
func Open(path string, given map[string]*net.UnixListener) (*Socket, error) {
	if l, ok := given[path]; ok {
		delete(given, path)
		l.SetUnlinkOnClose(false)
		return &Socket{UnixListener: l, remove: func() {}}, nil
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	return l, nil
}

func listenUnix(path string) (*Socket, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := unused(path); err != nil {
		return nil, err
	}
	// A shorter name than the socket's own, lest it be too long for the kernel.
	temp := filepath.Join(filepath.Dir(path), "~"+filepath.Base(path)[:1])
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	err = errors.Join(os.Chmod(temp, mode), os.Rename(temp, path))
	if err != nil {
		_ = l.Close()
		_ = os.Remove(temp)
		return nil, err
	}
	return &Socket{UnixListener: l, remove: remover(path)}, nil
}

// unused says nothing when path is free or a socket that nobody listens on.
func unused(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way and is no socket; move it away", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.Close()
	peer, err := ReadPeer(c.(*net.UnixConn))
	if err != nil {
		return errors.New("another program listens there")
	}
	peer.Close()
	return fmt.Errorf("another daemon, pid %d, listens there; stop it or choose another --root", peer.PID)
}

// remover removes path later if it still names the file that it names now, and
// not the socket of a daemon that came after us.
func remover(path string) func() {
	was, err := inode(path)
	if err != nil {
		return func() {}
	}
	return func() {
		if is, err := inode(path); err == nil && is == was {
			_ = os.Remove(path)
		}
	}
}

func inode(path string) ([2]uint64, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return [2]uint64{uint64(st.Dev), st.Ino}, err
}
