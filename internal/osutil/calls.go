package osutil

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/osutil/vfork"
)

// callList is system calls that are made one after the other, by a child before
// it becomes a program, or by a thread.
type callList struct {
	calls []vfork.Call
	whats []string // of each: what cannot be done if it fails; "": the error says enough
	held  []any    // what they point at
}

// callLists are made once and used many times, with what they pointed at let go.
var callLists = sync.Pool{New: func() any {
	const most = 24
	return &callList{make([]vfork.Call, 0, most), make([]string, 0, most), make([]any, 0, most)}
}}

func (l *callList) giveBack() {
	clear(l.held)
	l.calls, l.whats, l.held = l.calls[:0], l.whats[:0], l.held[:0]
	callLists.Put(l)
}

// add adds a call that must succeed.
func (l *callList) add(what string, number uintptr, args ...uintptr) {
	l.append(what, 0, number, args)
}

// try adds a call that may fail.
func (l *callList) try(number uintptr, args ...uintptr) {
	l.append("", vfork.MayFail, number, args)
}

func (l *callList) append(what string, how vfork.How, number uintptr, args []uintptr) {
	c := vfork.Call{Number: number, How: how}
	copy(c.Args[:], args)
	l.calls = append(l.calls, c)
	l.whats = append(l.whats, what)
}

// at is where p points. It stays there, as it is not on a stack.
func at[T any](l *callList, p *T) uintptr {
	l.held = append(l.held, p)
	return uintptr(unsafe.Pointer(p))
}

// write adds what writes text to a file, if that can be. The file stays open until
// a program begins.
func (l *callList) write(path, text []byte) {
	l.try(unix.SYS_OPENAT, 0, at(l, &path[0]), unix.O_WRONLY|unix.O_CLOEXEC)
	l.append("", vfork.MayFail|vfork.OnLast, unix.SYS_WRITE, []uintptr{0, at(l, &text[0]), uintptr(len(text))})
}

// onThread makes the calls on this thread, none of which works on what another
// gave.
func (l *callList) onThread() error {
	for i, c := range l.calls {
		_, _, errno := syscall.RawSyscall6(c.Number, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4], 0)
		if errno != 0 && c.How&vfork.MayFail == 0 {
			return l.refusal(i, errno)
		}
	}
	return nil
}
