package hookrunner

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// poll waits for several files at once. It waits in the runtime's own poller, so
// the goroutine holds no thread meanwhile: at one that sleeps in a system call
// the runtime's monitor looks every 20 µs, for up to 10 ms, and that is a third
// of what a run costs the daemon.
type poll struct {
	fd   int // epoll, in which file and raw wrap it
	file *os.File
	raw  syscall.RawConn
}

func newPoll() (*poll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create", err)
	}
	_ = unix.SetNonblock(fd, true) // ours and open: it tells the runtime to poll it
	p := &poll{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add has wait speak of fd, until remove.
func (p *poll) add(fd int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e))
}

// remove is to be called before fd is closed: a child that is just being forked
// has it open too, and as long as it has, wait would go on speaking of it.
func (p *poll) remove(fd int) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// wait calls ready for every file that can be read or is at its end, as often as
// that is so, until one call gives true.
func (p *poll) wait(ready func(fd int) bool) {
	err := p.raw.Read(func(uintptr) bool { return p.look(0, ready) })
	if err != nil { // the runtime cannot poll it
		p.look(-1, ready)
	}
}

// look is wait for as long as there is something; with a timeout of -1 it sleeps
// where there is nothing.
func (p *poll) look(timeout int, ready func(fd int) bool) (stop bool) {
	var events [4]unix.EpollEvent
	for {
		n, err := unix.EpollWait(p.fd, events[:], timeout)
		if err == unix.EINTR {
			continue
		}
		for _, e := range events[:max(0, n)] {
			stop = ready(int(e.Fd)) || stop
		}
		if stop || n <= 0 {
			return stop
		}
	}
}

func (p *poll) close() { p.file.Close() }
