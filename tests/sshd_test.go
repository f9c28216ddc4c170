package tests

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const sshd = "/usr/sbin/sshd"

// haveSSH tells whether both ends of OpenSSH are here. In CI they have to be.
func haveSSH() (bool, error) {
	for _, program := range []string{sshd, "ssh", "ssh-keygen"} {
		_, err := exec.LookPath(program)
		if err != nil && os.Getenv("CI") == "true" {
			return false, err
		}
		if err != nil {
			return false, nil
		}
	}
	return true, nil
}

// host makes another host of this one: a real sshd of our own on loopback, with
// its own key and port, which the story's ssh (the real one, with a configuration
// of its own) knows by a name.
//
//	host NAME ROOT [PATH]   pkgd answers there for ROOT; programs are found in PATH
//	host NAME refuses       nobody listens
//	host NAME hangs         somebody listens, and never says a word
//	host NAME denies        our key is not welcome
//	host NAME strange       its key is not the one that we know
func host(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: host NAME ROOT|refuses|hangs|denies|strange [PATH]")
	}
	h := newSSHHost(ts, args[0])
	switch args[1] {
	case "refuses":
		h.known(h.port())
	case "hangs":
		h.known(h.hang())
	default:
		h.serve(args[1:])
	}
}

// sshHost is one sshd and what the client knows of it.
type sshHost struct {
	ts   *testscript.TestScript
	name string
	dir  string // shared by all hosts of a story: the client's side
	own  string // the host's
}

func newSSHHost(ts *testscript.TestScript, name string) *sshHost {
	h := &sshHost{ts: ts, name: name, dir: ts.MkAbs("ssh")}
	h.own = filepath.Join(h.dir, name)
	ts.Check(os.MkdirAll(h.own, 0o700))
	if _, err := os.Stat(h.file("key")); errors.Is(err, os.ErrNotExist) {
		h.key(h.file("key"))
		h.client()
	}
	h.key(filepath.Join(h.own, "key"))
	return h
}

func (h *sshHost) file(name string) string { return filepath.Join(h.dir, name) }

func (h *sshHost) key(path string) {
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path).CombinedOutput()
	if err != nil {
		h.ts.Fatalf("%s: ssh-keygen: %v %s", h.name, err, out)
	}
}

// client puts an ssh into the story's PATH that is the real one and looks at no
// configuration but the story's.
func (h *sshHost) client() {
	ssh, err := exec.LookPath("ssh")
	h.ts.Check(err)
	h.ts.Check(os.Mkdir(h.file("bin"), 0o755))
	script := fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, h.file("config"))
	h.ts.Check(os.WriteFile(h.file("bin/ssh"), []byte(script), 0o755))
	h.ts.Setenv("PATH", h.file("bin")+":"+h.ts.Getenv("PATH"))
}

// known tells the client where the host is, and which key it has.
func (h *sshHost) known(port int) {
	public, err := os.ReadFile(filepath.Join(h.own, "key.pub"))
	h.ts.Check(err)
	h.add("config", fmt.Sprintf("Host %s\n HostName 127.0.0.1\n HostKeyAlias %s\n Port %d\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n GlobalKnownHostsFile none\n",
		h.name, h.name, port, h.file("key"), h.file("known_hosts")))
	h.add("known_hosts", h.name+" "+string(public))
}

func (h *sshHost) add(file, text string) {
	f, err := os.OpenFile(h.file(file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	h.ts.Check(err)
	_, err = f.WriteString(text)
	h.ts.Check(errors.Join(err, f.Close()))
}

// port is one that nobody listens on.
func (h *sshHost) port() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.ts.Check(err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// hang listens and leaves whoever comes waiting.
func (h *sshHost) hang() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.ts.Check(err)
	h.ts.Defer(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// serve starts the sshd: what is ROOT or a word about the keys, and after it
// where programs are found.
func (h *sshHost) serve(what []string) {
	path, allowed := h.ts.Getenv("PATH"), h.file("key.pub")
	if len(what) > 1 {
		path = what[1]
	}
	if what[0] == "denies" {
		allowed = os.DevNull
	}
	port := h.port()
	h.known(port)
	if what[0] == "strange" {
		h.ts.Check(errors.Join(os.Remove(filepath.Join(h.own, "key")), os.Remove(filepath.Join(h.own, "key.pub"))))
		h.key(filepath.Join(h.own, "key"))
	}
	config := filepath.Join(h.own, "sshd_config")
	h.ts.Check(os.WriteFile(config, []byte(fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s
AuthorizedKeysFile %s
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PKGD_ROOT=%s PATH=%s
`, port, filepath.Join(h.own, "key"), allowed, what[0], path)), 0o600))
	h.start(config)
	h.await(port)
}

func (h *sshHost) start(config string) {
	if os.Getuid() == 0 {
		h.ts.Check(os.MkdirAll("/run/sshd", 0o755)) // where sshd of Debian separates privileges
	}
	cmd := exec.Command(sshd, "-D", "-e", "-f", config)
	log, err := os.Create(filepath.Join(h.own, "log"))
	h.ts.Check(err)
	cmd.Stderr = log
	h.ts.Check(cmd.Start())
	h.ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
	})
}

// await returns when sshd speaks.
func (h *sshHost) await(port int) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if strings.HasPrefix(line, "SSH-") {
			return
		}
	}
	log, _ := os.ReadFile(filepath.Join(h.own, "log"))
	h.ts.Fatalf("%s: sshd does not come up: %s", h.name, log)
}
