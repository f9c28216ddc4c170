package hookrunner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Default timeouts of design §6.
const (
	HealthTimeout = 30 * time.Second // of check-health and the plug-ins beside it
	HookTimeout   = 10 * time.Minute // of the other hooks
)

const (
	checkHealth  = "check-health"
	pluginPrefix = "health.d/"
)

func (run *Run) command() []string {
	if len(run.Command) > 0 {
		return run.Command
	}
	return []string{filepath.Join(run.Root, "meta/hooks", run.Hook)}
}

func (run *Run) timeout() time.Duration {
	switch {
	case run.Timeout > 0:
		return run.Timeout
	case run.Hook == checkHealth || strings.HasPrefix(run.Hook, pluginPrefix):
		return HealthTimeout
	}
	return HookTimeout
}

// missing says whether there is no such hook. A tree that is not there at all is
// an error: nothing could be run in it.
func (run *Run) missing() (bool, error) {
	_, err := os.Lstat(run.command()[0])
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return false, fmt.Errorf("cannot look for hook %s: %w", run.Hook, err)
	}
	if _, err := os.Stat(run.Root); err != nil {
		return false, fmt.Errorf("cannot run hook %s: %w", run.Hook, err)
	}
	return true, nil
}

// unrunnable turns the kernel's refusal of a program into an exit code and a
// reason for people; ok is false when the refusal is not the program's fault.
func unrunnable(path string, err error) (code int, why string, ok bool) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return 0, "", false
	}
	name := filepath.Base(path)
	switch errno {
	case syscall.ENOENT:
		return ExitNotFound, name + " cannot be run: " + notFound(path), true
	case syscall.EACCES, syscall.EPERM:
		return ExitNotRunnable, name + " cannot be run: " + notAllowed(path), true
	case syscall.ENOEXEC, syscall.ELIBBAD, syscall.EINVAL:
		return ExitNotRunnable, name + " cannot be run: it is neither a program for this machine nor a script that begins with #!", true
	case syscall.ELOOP, syscall.EISDIR, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ETXTBSY:
		return ExitNotRunnable, name + " cannot be run: " + errno.Error(), true
	}
	return 0, "", false
}

func notFound(path string) string {
	if _, err := os.Stat(path); err != nil {
		return "it is a link that leads nowhere"
	}
	interp := interpreter(path)
	if dos, ok := strings.CutSuffix(interp, "\r"); ok {
		return fmt.Sprintf(`its interpreter %s\r is not there (the line ends as on DOS)`, dos)
	}
	if interp != "" {
		return fmt.Sprintf("its interpreter %s is not there", interp)
	}
	return "the loader that it names is not there"
}

func notAllowed(path string) string {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err.Error()
	case !st.Mode().IsRegular():
		return "it is not a regular file"
	case st.Mode()&0o111 == 0:
		return fmt.Sprintf("it is not executable (mode %04o): chmod +x it in the package", st.Mode().Perm())
	}
	if interp := interpreter(path); interp != "" {
		return fmt.Sprintf("its interpreter %s may not be executed here", interp)
	}
	return "it may not be executed by this user or under this confinement"
}

// interpreter is what the file's first line names after #!; empty without one.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n') // the kernel reads no further either
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "#!")
	if !ok {
		return ""
	}
	interp, _, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
	return interp
}
