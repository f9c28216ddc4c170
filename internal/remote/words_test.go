package remote_test

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pkgd.io/pkgd/internal/remote"
)

func TestHostsAreNamesAndNothingElse(t *testing.T) {
	for _, host := range []string{
		"web1", "ada@web1.example.org", "10.0.0.1", "::1", "fe80::1%eth0", "[::1]", "ssh://ada@web1:2222",
		"ada@corp.example@web1", "_dmz", "web-1",
	} {
		if err := remote.CheckHost(host); err != nil {
			t.Errorf("%s is refused: %v", host, err)
		}
	}
	for _, host := range []string{
		"", "-oProxyCommand=x", "--", "ada@-oProxyCommand=x", "a@b@-x", "ssh://-x", "web 1", "web;id", "$(id)", "`id`",
		"web|id", "web\nid", "web'", `web"`, `we\b`, "web&", "<web", "web{1,2}", "web*", "web\x00", "wéb", "@web", strings.Repeat("a", 513),
	} {
		if remote.CheckHost(host) == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

// Whatever the words hold, the shells on other hosts see the same words. Which
// of them are here differs; sh always is.
func TestWordsReachEveryShellUnharmed(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "zsh", "csh", "fish"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		t.Run(shell, rapid.MakeCheck(func(t *rapid.T) {
			words := rapid.SliceOfN(rapid.StringMatching(`[ -~]{0,12}`), 1, 4).Draw(t, "words")
			if shell == "csh" {
				for i, w := range words {
					words[i] = strings.ReplaceAll(w, "!", "")
				}
			}
			line := remote.Quote(append([]string{"printf", `%s\n`}, words...))
			out, err := exec.Command(path, "-c", line).CombinedOutput()
			if want := strings.Join(words, "\n") + "\n"; err != nil || string(out) != want {
				t.Fatalf("%s -c %s: %v\n%q, want %q", shell, line, err, out, want)
			}
		}))
	}
}

func TestPlainWordsNeedNoQuotes(t *testing.T) {
	if got := remote.Quote([]string{"pkgd", "health", "--format=json", "--", "web", ""}); got != "pkgd health --format=json -- web ''" {
		t.Errorf("got %s", got)
	}
}
