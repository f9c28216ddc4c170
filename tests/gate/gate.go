// Package gate holds system calls of a program under test, and of all that it
// starts, until a rule has said what becomes of each. Its nouns: a [Gate] stands
// between the program and the kernel, a [Call] waits at it, an [Outcome] is what
// its rule decides. It works on static programs, needs no tracer and no change
// of the program, and lets a fault begin and end while the program runs.
//
// Its rule: who imports it has a second life. Its own init turns the test binary
// into what closes the gate and becomes the program.
package gate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// gateVar lists the numbers of the system calls that wait at the gate.
const gateVar = "PKGD_TEST_GATE"

// gateFD is where the program behind a gate finds the socket to its keeper.
const gateFD = 3

// init keeps what stands behind a gate on the main thread: the filter is a
// thread's own.
func init() {
	if os.Getenv(gateVar) == "" {
		return
	}
	runtime.LockOSThread()
	fmt.Fprintln(os.Stderr, runBehind())
	os.Exit(1)
}

// Gate is what a program was started behind.
type Gate struct {
	listener int

	mu   sync.Mutex // guards rule
	rule Rule
}

// Call is a system call that waits at the gate.
type Call struct {
	Nr   int
	Args [6]uint64
	Tid  int // of the thread that made it
	id   uint64
}

// Rule says what becomes of a call. It is asked about one at a time.
type Rule func(Call) Outcome

// Outcome is what becomes of a call.
type Outcome struct {
	Errno syscall.Errno // it fails so; 0: it does not
	Faked bool          // the kernel does not see it, it returns 0
}

// Through is the outcome of a call that the kernel just answers.
var Through = Outcome{}

// LetThrough is the rule of a gate that stands open.
func LetThrough(Call) Outcome { return Through }

// Set makes r the rule from now on.
func (g *Gate) Set(r Rule) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rule = r
}

// Path is the file that a descriptor in the call is of.
func (c Call) Path(arg int) string {
	p, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", c.Tid, int32(c.Args[arg])))
	return p
}

// By tells whether a program of this name made the call.
func (c Call) By(name string) bool {
	p, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.Tid))
	return filepath.Base(p) == name
}

// Kill ends the program that made the call at once, as a power switch would.
func (c Call) Kill() { _ = unix.Kill(c.Tid, unix.SIGKILL) }

// Poke writes into the memory of who made the call.
func (c Call) Poke(addr uint64, b []byte) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", c.Tid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(b, int64(addr))
	return err
}

// Behind has cmd start with these system calls held; of clock_gettime only the
// looks at the wall clock. After cmd.Start the
// gate has to be taken, with the rule that it begins with.
func Behind(cmd *exec.Cmd, calls ...int) (take func(Rule) (*Gate, error), err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "gate")
	var words []string
	for _, nr := range calls {
		words = append(words, strconv.Itoa(nr))
	}
	cmd.Args = append([]string{os.Args[0], cmd.Path}, cmd.Args[1:]...)
	cmd.Path = os.Args[0]
	cmd.Env = append(cmd.Env, gateVar+"="+strings.Join(words, ","))
	cmd.ExtraFiles = []*os.File{theirs}
	return func(r Rule) (*Gate, error) {
		theirs.Close()
		defer unix.Close(pair[0])
		fd, err := receiveFD(pair[0])
		if err != nil {
			return nil, fmt.Errorf("no gate: %w", err)
		}
		g := &Gate{listener: fd, rule: r}
		go g.serve()
		return g, nil
	}, nil
}

func receiveFD(sock int) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(sock, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) != 1 {
		return 0, fmt.Errorf("no descriptor came (%v)", err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return 0, fmt.Errorf("no descriptor came (%v)", err)
	}
	return fds[0], nil
}

// runBehind is the other end: it closes the gate behind itself and becomes
// the program.
func runBehind() error {
	var calls []uint32
	for word := range strings.SplitSeq(os.Getenv(gateVar), ",") {
		nr, err := strconv.Atoi(word)
		if err != nil {
			return err
		}
		calls = append(calls, uint32(nr))
	}
	os.Unsetenv(gateVar)
	unix.CloseOnExec(gateFD)
	fd, err := filter(calls)
	if err != nil {
		return fmt.Errorf("cannot make a gate: %w", err)
	}
	if err := unix.Sendmsg(gateFD, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		return err
	}
	return syscall.Exec(os.Args[1], append([]string{os.Args[1]}, os.Args[2:]...), os.Environ())
}

// filter has the kernel hold these system calls of this thread. Of
// clock_gettime only the wall clock is held.
func filter(calls []uint32) (listener int, err error) {
	const numberAt, firstArgAt = 0, 16
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	load, ret := uint16(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS), uint16(unix.BPF_RET|unix.BPF_K)
	equal := func(k uint32, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: no, K: k}
	}
	hold, allow := stmt(ret, unix.SECCOMP_RET_USER_NOTIF), stmt(ret, unix.SECCOMP_RET_ALLOW)
	prog := []unix.SockFilter{stmt(load, numberAt)}
	for _, nr := range calls {
		if nr == unix.SYS_CLOCK_GETTIME {
			prog = append(prog, equal(nr, 4), stmt(load, firstArgAt), equal(unix.CLOCK_REALTIME, 1), hold, allow)
			continue
		}
		prog = append(prog, equal(nr, 1), hold)
	}
	prog = append(prog, allow)
	if os.Geteuid() != 0 { // who could gain privileges may not be held up
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return 0, err
		}
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// The kernel's shapes and requests (linux/seccomp.h).
const (
	notifySize, replySize = 80, 24
	notifyReceive         = 0xc0502100
	notifySend            = 0xc0182101
	replyContinue         = 1
)

func (g *Gate) serve() {
	defer unix.Close(g.listener)
	for {
		p := []unix.PollFd{{Fd: int32(g.listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if p[0].Revents&unix.POLLIN == 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 {
			return
		}
		var note [notifySize]byte
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(g.listener), notifyReceive, uintptr(unsafe.Pointer(&note))); errno != 0 {
			continue // who asked is gone
		}
		g.answer(g.read(note))
	}
}

func (g *Gate) read(note [notifySize]byte) Call {
	u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(note[at:]) }
	u32 := func(at int) int { return int(binary.NativeEndian.Uint32(note[at:])) }
	c := Call{id: u64(0), Tid: u32(8), Nr: u32(16)}
	for i := range c.Args {
		c.Args[i] = u64(32 + 8*i)
	}
	return c
}

func (g *Gate) answer(c Call) {
	g.mu.Lock()
	o := g.rule(c)
	g.mu.Unlock()
	var reply [replySize]byte
	binary.NativeEndian.PutUint64(reply[0:], c.id)
	binary.NativeEndian.PutUint32(reply[16:], uint32(-int32(o.Errno)))
	if o == Through {
		binary.NativeEndian.PutUint32(reply[20:], replyContinue)
	}
	// An error means that who asked is gone.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(g.listener), notifySend, uintptr(unsafe.Pointer(&reply)))
}
