package hookrunner_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"pkgd.io/pkgd/hookrunner"
)

func TestMissingHookIsSkipped(t *testing.T) {
	h := newHouse(t)
	res := h.run(context.Background(), hookrunner.Run{Package: h.pkg("web", ""), Hook: "pre-refresh"})
	if !res.Missing || res.Err() != nil {
		t.Errorf("%+v", res)
	}
}

func TestMissingTreeIsAnError(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "true")
	if err := os.RemoveAll(p.Root); err != nil {
		t.Fatal(err)
	}
	_, err := h.r.Run(context.Background(), hookrunner.Run{Package: p, Hook: "check-health"})
	if err == nil || strings.Count(err.Error(), "cannot") != 1 {
		t.Errorf("error is %v", err)
	}
}

func TestUnrunnableFileSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		code int
		why  string
	}{
		"no execute bit":         {"#!/bin/sh\n", 0o644, 126, "it is not executable (mode 0644): chmod +x it in the package"},
		"no interpreter":         {"#!/no/such/shell -e\n", 0o755, 127, "its interpreter /no/such/shell is not there"},
		"a DOS file":             {"#!/bin/sh\r\n", 0o755, 127, "its interpreter /bin/sh\\r is not there (the line ends as on DOS)"},
		"no #! line":             {"echo hello\n", 0o755, 126, "it is neither a program for this machine nor a script that begins with #!"},
		"empty":                  {"", 0o755, 126, "it is neither a program for this machine nor a script that begins with #!"},
		"interpreter is a file":  {"#!/etc/passwd\n", 0o755, 126, "its interpreter /etc/passwd may not be executed here"},
		"interpreter is private": {"#!/tmp\n", 0o755, 126, "its interpreter /tmp may not be executed here"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			p := h.pkg("web", "")
			h.write(p.Root+"/meta/hooks/check-health", c.mode, c.text)
			res := h.run(context.Background(), hookrunner.Run{Package: p})
			want := "check-health cannot be run: " + c.why
			if res.ExitCode != c.code || res.LastStderr != want || string(res.Output) != want+"\n" || res.Missing {
				t.Errorf("exit %d, %q, %q", res.ExitCode, res.LastStderr, res.Output)
			}
			if !strings.Contains(h.log.String(), "cannot be run") {
				t.Error("the log says nothing")
			}
		})
	}
}

func TestLinkThatLeadsNowhereIsNotMissing(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "")
	if err := os.Symlink("nowhere", p.Root+"/meta/hooks/install"); err != nil {
		t.Fatal(err)
	}
	res := h.run(context.Background(), hookrunner.Run{Package: p, Hook: "install"})
	if res.Missing || res.ExitCode != 127 || res.LastStderr != "install cannot be run: it is a link that leads nowhere" {
		t.Errorf("%+v", res)
	}
}

func TestFolderIsNoHook(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "")
	if err := os.Mkdir(p.Root+"/meta/hooks/install", 0o755); err != nil {
		t.Fatal(err)
	}
	res := h.run(context.Background(), hookrunner.Run{Package: p, Hook: "install"})
	if res.ExitCode != 126 || res.LastStderr != "install cannot be run: it is not a regular file" {
		t.Errorf("%+v", res)
	}
}

func TestPluginGetsItsArguments(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "")
	h.write(p.Root+"/meta/health.d/disk", 0o755, "#!/bin/sh\necho $PKG_HOOK $1 $2; exit 1\n")
	res := h.run(context.Background(), hookrunner.Run{
		Package: p, Hook: "health.d/disk", Command: []string{p.Root + "/meta/health.d/disk", "-w", "10 %"},
	})
	if res.ExitCode != 1 || string(res.Stdout) != "health.d/disk -w 10 %\n" || res.Timeout != hookrunner.HealthTimeout {
		t.Errorf("%+v", res)
	}
}

func TestDefaultTimeouts(t *testing.T) {
	h := newHouse(t)
	p := h.pkg("web", "true")
	h.write(p.Root+"/meta/hooks/install", 0o755, "#!/bin/sh\n")
	health := h.run(context.Background(), hookrunner.Run{Package: p})
	install := h.run(context.Background(), hookrunner.Run{Package: p, Hook: "install"})
	if health.Timeout != hookrunner.HealthTimeout || install.Timeout != hookrunner.HookTimeout {
		t.Errorf("%v and %v", health.Timeout, install.Timeout)
	}
}

func TestRunWithAClosedContextIsRefused(t *testing.T) {
	h := newHouse(t)
	hctx, _, err := h.r.Contexts().Open(hookrunner.Spec{Package: "web"})
	if err != nil {
		t.Fatal(err)
	}
	hctx.Close()
	_, err = h.r.Run(context.Background(), hookrunner.Run{Package: h.pkg("web", "true"), Hook: "check-health", Context: hctx})
	if !errors.Is(err, hookrunner.ErrContextClosed) {
		t.Errorf("error is %v", err)
	}
}
