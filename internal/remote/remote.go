package remote

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The bounds of asking where a Client names none.
const (
	Timeout = 10 * time.Second
	AtOnce  = 16
)

// MaxAnswer is how many bytes of a host's answer are taken.
const MaxAnswer = 8 << 20

const (
	maxStory = 64 << 10    // bytes of stderr
	goodbye  = time.Second // for what ssh has left behind to let go of our pipes
)

// Client asks hosts.
type Client struct {
	SSH     string        // the program
	Environ []string      // its environment
	Timeout time.Duration // for one host, from connecting to its last byte; 0: Timeout
	AtOnce  int           // hosts asked at the same time; 0: AtOnce
}

// Answer is what came of asking one host.
type Answer struct {
	Host    string
	Stdout  []byte
	Stderr  string // of the command
	Exit    int    // of the command
	Elapsed time.Duration
	Err     error // why it did not answer; the rest means nothing then
}

// Ask runs a command on all hosts and gives their answers in the same order.
// It returns when the slowest has answered or had its time. Hosts have passed
// [CheckHost].
func (c *Client) Ask(ctx context.Context, hosts, command []string) []Answer {
	answers := make([]Answer, len(hosts))
	slots := make(chan struct{}, c.atOnce())
	line := Quote(command)
	var wg sync.WaitGroup
	for i, host := range hosts {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			start := time.Now()
			answers[i] = c.ask(ctx, host, line)
			answers[i].Host, answers[i].Elapsed = host, time.Since(start)
		})
	}
	wg.Wait()
	return answers
}

func (c *Client) atOnce() int {
	if c.AtOnce > 0 {
		return c.AtOnce
	}
	return AtOnce
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return Timeout
}

// ask runs ssh once.
func (c *Client) ask(ctx context.Context, host, line string) Answer {
	if ctx.Err() != nil {
		return Answer{Err: errors.New("it was not asked any more")}
	}
	late := fmt.Errorf("nothing within %v", c.timeout())
	ctx, stop := context.WithTimeoutCause(ctx, c.timeout(), late)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	stdout := &bounded{max: MaxAnswer, over: func() { cancel(errors.New("it answers with more than 8 MiB")) }}
	stderr := &bounded{max: maxStory}
	cmd := exec.CommandContext(ctx, c.SSH, c.arguments(host, line)...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Environ, stdout, stderr, goodbye
	// A group of its own, so that a ProxyCommand goes with it. ssh asks nothing
	// of the terminal, so it may stand in the background.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	return conclude(ctx, cmd, stdout, stderr, err)
}

// arguments are those of ssh. What a person's configuration may say of a host
// that would hinder asking is overruled; who they are, which keys and ways they
// use is not. Connecting may take half of a host's time, so that it is ssh that
// says what hindered it.
func (c *Client) arguments(host, line string) []string {
	seconds := max(1, int(c.timeout()/2/time.Second))
	return []string{
		"-T", "-a", "-x", "-n",
		"-o", "BatchMode=yes",
		"-o", fmt.Sprintf("ConnectTimeout=%d", seconds),
		"-o", "LogLevel=ERROR",
		"-o", "ClearAllForwardings=yes",
		"-o", "RemoteCommand=none",
		"-o", "PermitLocalCommand=no",
		"--", host, line,
	}
}

// sshFailed is how ssh exits for reasons of its own.
const sshFailed = 255

func conclude(ctx context.Context, cmd *exec.Cmd, stdout, stderr *bounded, err error) Answer {
	a := Answer{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.String()}
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		a.Err = context.Cause(ctx)
	case errors.As(err, &exited) && exited.ExitCode() == sshFailed:
		a.Err = errors.New(sshReason(a.Stderr))
	case errors.As(err, &exited) && exited.ExitCode() < 0:
		a.Err = fmt.Errorf("ssh was ended: %v", exited)
	case cmd.ProcessState == nil:
		a.Err = err
	default:
		// Also where what ssh has left in the background, such as the master of
		// a shared connection, still holds our pipes: the answer is complete.
		a.Exit = cmd.ProcessState.ExitCode()
	}
	return a
}

// sshReason is the last thing that ssh said.
func sshReason(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	reason := strings.TrimSuffix(strings.TrimSpace(lines[len(lines)-1]), ".")
	if reason == "" {
		return "ssh failed without a word"
	}
	return strings.TrimPrefix(reason, "ssh: ")
}
