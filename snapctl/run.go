package snapctl

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultSocket is where pkgd listens when PKGD_CTL_SOCKET does not say.
const DefaultSocket = "/run/pkgd/ctl.socket"

// How ctl exits. The daemon decides between the first three.
const (
	ExitDone        = 0
	ExitRefused     = 1
	ExitUsage       = 2
	ExitUnreachable = 3
)

// How long ctl waits for an answer. Services may take their time to become
// ready; nothing else does.
const (
	patience         = 60 * time.Second
	servicesPatience = 10 * time.Minute
)

// Env is what surrounds a run of ctl.
type Env struct {
	Getenv         func(string) string
	Stdout, Stderr io.Writer
}

// Run is ctl: it sends args (without the program's name) to the daemon, prints
// the answer and returns how to exit. Help it gives by itself.
func Run(args []string, env Env) int {
	if text, asked := Help(args); asked {
		return env.print(Response{Stdout: text})
	}
	r := Request{Cookie: cookie(env.Getenv), Args: args}
	if why := refuse(r); why != "" {
		return env.fail(ExitRefused, why)
	}
	socket := env.Getenv("PKGD_CTL_SOCKET")
	if socket == "" {
		socket = DefaultSocket
	}
	resp, err := Call(socket, r, wait(args))
	if err != nil {
		return env.fail(ExitUnreachable, "cannot reach pkgd at "+strconv.Quote(socket)+": "+err.Error()+"; is the daemon running?")
	}
	return env.print(resp)
}

// cookie is the caller's, under pkgd's name for it or snapd's.
func cookie(getenv func(string) string) string {
	for _, name := range []string{"PKG_COOKIE", "SNAP_COOKIE", "SNAP_CONTEXT"} {
		if c := getenv(name); c != "" {
			return c
		}
	}
	return ""
}

// refuse says why a request cannot be sent as it is: JSON has no way to carry
// what is not text, and would change it on the way.
func refuse(r Request) string {
	size := len(r.Cookie)
	for i, arg := range r.Args {
		if !utf8.ValidString(arg) {
			return "argument " + strconv.Itoa(i+1) + " is not valid UTF-8: send text, and encode other data (base64) first"
		}
		size += len(arg)
	}
	if !utf8.ValidString(r.Cookie) {
		return "the cookie is not valid UTF-8: leave PKG_COOKIE as pkgd sets it"
	}
	if size > MaxRequest || len(appendRequest(nil, r)) > MaxRequest {
		return "the request is larger than " + strconv.Itoa(MaxRequest>>10) + " KiB: send less at once"
	}
	return ""
}

func wait(args []string) time.Duration {
	if len(args) > 0 && (args[0] == "start" || args[0] == "stop" || args[0] == "restart") {
		return servicesPatience
	}
	return patience
}

// print shows an answer. One that cannot be shown is a failure: a script that
// reads the output must not take nothing for an answer.
func (e Env) print(r Response) int {
	if _, err := io.WriteString(e.Stdout, r.Stdout); err != nil {
		return e.fail(ExitRefused, "cannot write to standard output: "+err.Error())
	}
	_, _ = io.WriteString(e.Stderr, r.Stderr)
	return r.ExitCode
}

// fail prints the one line that goes with every failure.
func (e Env) fail(code int, why string) int {
	_, _ = io.WriteString(e.Stderr, "ctl: "+strings.ReplaceAll(why, "\n", " ")+"\n")
	return code
}
