package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pkgd.io/pkgd/internal/remote"
)

// elsewhere are the options of commands that can ask other hosts.
type elsewhere struct {
	Hosts   []string      `long:"host" value-name:"[USER@]HOST" description:"Ask this host over ssh instead of the one you are on; may be given several times"`
	Timeout time.Duration `long:"host-timeout" value-name:"TIME" description:"With --host: how long one host may take, such as 30s (default 10s; check: 60s)"`
}

// question is what is asked of other hosts.
type question struct {
	elsewhere
	words  []string      // of the command there: "health", "--", "web"
	usual  time.Duration // how long a host may take where nobody says
	detail bool          // is about one package, of which all is shown
}

// askHosts runs pkgd on the hosts, its answers in JSON, each host once.
func (a *app) askHosts(ctx context.Context, q question) ([]remote.Answer, error) {
	hosts, err := a.hostsOf(q.Hosts)
	if err != nil {
		return nil, err
	}
	words, err := a.wordsThere(q.words)
	if err != nil {
		return nil, err
	}
	ssh, err := lookProgram(a.env.Getenv("PATH"), "ssh")
	if err != nil {
		return nil, &failure{text: "cannot ask other hosts: " + err.Error(), next: "install OpenSSH's client: apt-get install openssh-client"}
	}
	c := remote.Client{SSH: ssh, Environ: a.env.Environ(), Timeout: q.usual}
	if q.Timeout < 0 {
		return nil, a.usageError("--host-timeout cannot be negative")
	}
	if q.Timeout > 0 {
		c.Timeout = q.Timeout
	}
	answers := c.Ask(ctx, hosts, words)
	return answers, context.Cause(ctx)
}

// hostsOf are the hosts to ask, each once, in the order in which they were named.
func (a *app) hostsOf(typed []string) (hosts []string, err error) {
	for _, host := range typed {
		if err := remote.CheckHost(host); err != nil {
			return nil, a.usageError("--host: " + err.Error())
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts, nil
}

// wordsThere is the command line for another host. A root that was typed is one
// over there; what $PKGD_ROOT says is about this host alone.
func (a *app) wordsThere(words []string) ([]string, error) {
	line := []string{"pkgd"}
	if root := a.model.globals.Root; root != "" {
		if !filepath.IsAbs(root) {
			return nil, a.usageError("with --host, --root is a folder over there and begins with a slash")
		}
		line = append(line, "--root="+root)
	}
	return append(line, words...), nil
}

// lookProgram finds a program in the folders of a PATH.
func lookProgram(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && filepath.IsAbs(dir) && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no %s in $PATH", name)
}

// noPkgd is how a shell exits that does not find the program.
const noPkgd = 127

// whyNot says why there is no report in an answer, which was not understood.
func whyNot(ans remote.Answer) string {
	var refused string
	for line := range strings.Lines(ans.Stderr) {
		if _, reason, found := strings.Cut(line, "error: "); found {
			refused = strings.TrimSpace(reason)
			break
		}
	}
	switch {
	case ans.Err != nil:
		return "did not answer: " + ans.Err.Error()
	case ans.Exit == noPkgd:
		return "has no pkgd where ssh finds programs"
	case refused != "":
		return refused
	}
	return fmt.Sprintf("answered what is no answer of pkgd (exit status %d)", ans.Exit)
}

// harmless is a text of another host or of a package without what could steer a
// terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '�'
		}
		return r
	}, text)
}

// harmlessLines is harmless of each line.
func harmlessLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = harmless(strings.TrimRight(line, "\r"))
	}
	return strings.Join(lines, "\n")
}
