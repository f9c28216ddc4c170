package systemd

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
)

// oomScore makes the kernel pick a service before pkgd when memory ends.
const oomScore = 100

// steppedRestarts is the systemd that came to know restarts with a growing delay.
// An older one always waits plainRestartDelay: short enough for a verdict to
// see, long enough for a service that cannot come up.
const (
	steppedRestarts   = 254
	plainRestartDelay = time.Second
)

// hopeless are the exit statuses by which systemd itself says that it could not
// start the program (folder, program, group, user, file system): another try
// would end the same.
const hopeless = "200 203 216 217 226"

// noteSection holds, for pkgd alone, the unit that a file was made of; systemd
// ignores sections whose name begins so.
const noteSection = "X-Pkgd"

// writer makes unit files.
type writer struct {
	names   names
	dirs    dirs.Dirs
	version int // of systemd
}

// file is a line-by-line unit file in the making.
type file struct{ strings.Builder }

func (f *file) section(name string)       { fmt.Fprintf(f, "\n[%s]\n", name) }
func (f *file) set(key string, value any) { fmt.Fprintf(f, "%s=%v\n", key, value) }
func (f *file) quoted(key, value string)  { f.set(key, quote(value)) }

func (f *file) paths(key string, paths ...string) {
	for _, path := range paths {
		if path != "" {
			f.quoted(key, path)
		}
	}
}

// unitFile is the text of u's unit file. The cookie is not in it.
func (w writer) unitFile(u service.Unit, cookieFile string) string {
	f := &file{}
	f.WriteString("# Made by pkgd, which makes it anew. To change a service, change its package.\n")
	f.section("Unit")
	f.set("Description", fmt.Sprintf("Service %s of package %s, revision %d", u.Name, u.Package, u.Revision))
	f.set("Documentation", "man:pkgd(8)")
	f.set("After", "network.target")
	for _, name := range u.After {
		f.set("After", w.names.unit(u.Package, name, u.Revision))
	}
	f.set("StartLimitIntervalSec", 0)
	f.section("Service")
	w.process(f, u, cookieFile)
	w.restarts(f, u)
	w.limits(f, u.Limits)
	w.confinement(f, u.Confine)
	f.section("Install")
	f.set("WantedBy", wantedBy)
	f.section(noteSection)
	f.set("Unit", note(u))
	return f.String()
}

func (w writer) process(f *file, u service.Unit, cookieFile string) {
	f.set("Type", "exec")
	f.set("ExecStart", command(u.Command))
	if len(u.StopCommand) > 0 {
		f.set("ExecStop", command(u.StopCommand))
	}
	if u.Dir != "" {
		f.set("WorkingDirectory", percent(u.Dir))
	}
	if u.User != "" {
		f.set("User", percent(u.User))
	}
	for _, kv := range u.Env {
		f.quoted("Environment", kv)
	}
	f.set("EnvironmentFile", "-"+percent(cookieFile))
	f.set("SyslogIdentifier", service.ID(u.Package, u.Name))
	f.set("LogExtraFields", journalField+"="+w.names.label(u.Package, u.Name))
}

func (w writer) restarts(f *file, u service.Unit) {
	f.set("TimeoutStartSec", seconds(startTimeout))
	f.set("TimeoutStopSec", seconds(stopTimeout(u)))
	rule := u.Restart
	if rule == "" {
		rule = service.RestartOnFailure
	}
	f.set("Restart", rule)
	f.set("RestartPreventExitStatus", hopeless)
	if w.version < steppedRestarts {
		f.set("RestartSec", seconds(plainRestartDelay))
		return
	}
	f.set("RestartSec", seconds(service.MinRestartDelay))
	f.set("RestartSteps", 9)
	f.set("RestartMaxDelaySec", seconds(service.MaxRestartDelay))
}

func (w writer) limits(f *file, l service.Limits) {
	f.set("OOMScoreAdjust", oomScore)
	if l.Memory > 0 {
		f.set("MemoryMax", l.Memory)
	}
	if l.Tasks > 0 {
		f.set("TasksMax", l.Tasks)
	}
	if l.CPU > 0 {
		f.set("CPUQuota", fmt.Sprintf("%d%%", l.CPU))
	}
}

// confinement gives the service a file system of its own: the system for
// reading, of pkgd's folders only its own revision and data.
func (w writer) confinement(f *file, c service.Confinement) {
	f.set("NoNewPrivileges", "yes")
	f.set("RestrictSUIDSGID", "yes")
	f.set("LockPersonality", "yes")
	if c.None {
		return
	}
	for _, key := range []string{"PrivateTmp", "ProtectHome", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups"} {
		f.set(key, "yes")
	}
	f.set("ProtectSystem", "strict")
	f.set("CapabilityBoundingSet", "~CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_BOOT CAP_SYS_TIME CAP_MKNOD CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_BPF CAP_PERFMON")
	f.paths("TemporaryFileSystem", w.dirs.Lib()+":ro", w.dirs.RunTmp()+":ro")
	f.paths("InaccessiblePaths", "-"+w.dirs.RunCookies(), "-"+w.dirs.RunServices(), "-"+w.dirs.Cache(), "-"+w.dirs.Logs())
	f.paths("BindReadOnlyPaths", c.Root)
	f.paths("BindPaths", c.Data, c.Common, c.Tmp)
}

// note is u as it can be read back, without what is secret or long.
func note(u service.Unit) string {
	u.Cookie, u.Env = "", nil
	b, err := json.Marshal(u)
	if err != nil {
		panic(fmt.Sprintf("internal error: a unit cannot be written: %v", err))
	}
	return string(b)
}

// readNote gives the unit that a file was made of.
func readNote(text string) (u service.Unit, ok bool) {
	_, after, found := strings.Cut(text, "\n["+noteSection+"]\nUnit=")
	if !found {
		return u, false
	}
	line, _, _ := strings.Cut(after, "\n")
	return u, json.Unmarshal([]byte(line), &u) == nil
}

// command writes argv so that systemd runs just that: ":" keeps it from putting
// in variables.
func command(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = quote(arg)
	}
	return ":" + strings.Join(words, " ")
}

// quote writes a word as systemd's own quoting wants it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '%':
			b.WriteString("%%")
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// percent writes a value that systemd takes as it stands but for specifiers.
func percent(s string) string { return strings.ReplaceAll(s, "%", "%%") }

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

func stopTimeout(u service.Unit) time.Duration {
	if u.StopTimeout > 0 {
		return u.StopTimeout
	}
	return service.DefaultStopTimeout
}
