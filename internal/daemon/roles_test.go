package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pkgd.io/pkgd/internal/daemon"
	"pkgd.io/pkgd/internal/dirs"
)

// The test binary runs itself as other processes. What it then is PKGD_TEST_ROLE
// says, with what belongs to it after a colon.

// change is a request that only an admin may make.
const change = "POST /v1/packages HTTP/1.0\r\nContent-Length: 20\r\n\r\n{\"action\":\"refresh\"}"

// read is a request that everybody may make.
const read = "GET /v1/health HTTP/1.0\r\n\r\n"

func play(role string) int {
	what, arg, _ := strings.Cut(role, ":")
	switch what {
	case "ask": // asks on a socket and prints both statuses
		fmt.Println(askBoth(arg))
	case "orphan": // does so once its parent has ended
		awaitOrphanage()
		fmt.Println(askBoth(arg))
	case "leave-orphan": // starts an orphan and ends
		runSelf("orphan:"+arg, nil)
	case "heir": // asks over descriptor 3 once its parent has ended
		awaitOrphanage()
		c, err := net.FileConn(os.NewFile(3, "inherited"))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(say(c, change))
	case "leave-heir": // connects, hands the connection on and ends
		c, err := net.Dial("unix", arg)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		f, _ := c.(*net.UnixConn).File()
		runSelf("heir:", f)
	case "hog": // holds as many connections as it gets, each with a stream, until stdin ends
		hog(arg)
		fmt.Println("full")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "serve": // is a daemon on a root until SIGTERM
		return serveUntilTerm(arg)
	}
	return 0
}

func askBoth(socket string) string {
	var got []string
	for _, request := range []string{read, change} {
		c, err := net.Dial("unix", socket)
		if err != nil {
			return err.Error()
		}
		got = append(got, say(c, request))
	}
	return strings.Join(got, " ")
}

// say sends a request and gives the answer's status.
func say(c net.Conn, request string) string {
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		return err.Error()
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if fields := strings.Fields(line); len(fields) > 1 {
		return fields[1]
	}
	return fmt.Sprintf("%q %v", line, err)
}

// awaitOrphanage returns when the parent has ended: its end of a pipe, whose other
// is descriptor 4, closes, and a moment later its children are another's.
func awaitOrphanage() {
	_, _ = io.Copy(io.Discard, os.NewFile(4, "parent"))
	for strconv.Itoa(os.Getppid()) == os.Getenv("PKGD_TEST_PARENT") {
		runtime.Gosched()
	}
}

// runSelf starts the test binary in a role and leaves it to itself. Descriptor 4
// of the child is at its end when this process is.
func runSelf(role string, extra *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	if extra == nil {
		extra = os.Stdin
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PKGD_TEST_ROLE="+role, "PKGD_TEST_PARENT="+strconv.Itoa(os.Getpid()))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{extra, r}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_, _ = unix.FcntlInt(w.Fd(), unix.F_GETFD, 0) // keeps w until here
}

func serveUntilTerm(root string) int {
	d, err := dirs.New(root)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	dm := daemon.NewFor(newFake().options(d))
	go func() {
		<-dm.Listening()
		fmt.Println("listening")
	}()
	if err := dm.Serve(ctx); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
