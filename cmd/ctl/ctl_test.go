package main_test

import (
	"bytes"
	"debug/elf"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/housetest"
)

// maxSize is what design allows ctl, in bytes. It is a fraction of that now.
const maxSize = 4 << 20

// build compiles a package as it is released.
func build(t testing.TB, pkg, out string) string {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestCtlLinksNothingHeavy: each of these costs every hook of every package a
// part of a millisecond per call, or brings the engine into a hook's reach.
func TestCtlLinksNothingHeavy(t *testing.T) {
	heavy := []string{"net", "net/http", "encoding/json", "fmt", "reflect", "context", "os/exec", "regexp", "crypto"}
	for _, pkg := range housetest.Links(t, "cmd/ctl") {
		ours := housetest.Within(pkg, housetest.Module)
		if ours && pkg != housetest.Module+"/cmd/ctl" && pkg != housetest.Module+"/snapctl" {
			t.Errorf("ctl links %s: it may only link snapctl", pkg)
		}
		if !ours && strings.Contains(strings.Split(pkg, "/")[0], ".") {
			t.Errorf("ctl links %s: it may not link other modules", pkg)
		}
		for _, h := range heavy {
			if pkg == h {
				t.Errorf("ctl links %s", pkg)
			}
		}
	}
}

func TestCtlIsStaticAndSmall(t *testing.T) {
	ctl := build(t, ".", filepath.Join(folder(t), "ctl"))
	fi, err := os.Stat(ctl)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ctl has %d bytes", fi.Size())
	if fi.Size() > maxSize {
		t.Errorf("ctl has %d bytes, %d are allowed", fi.Size(), maxSize)
	}
	f, err := elf.Open(ctl)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("ctl needs a dynamic linker")
		}
	}
}

// serve answers every request alike, as the daemon does.
func serve(t testing.TB) (socket string) {
	t.Helper()
	socket = filepath.Join(folder(t), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"stdout":"","stderr":"","exit-code":0}`)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	return socket
}

func TestCtlIsTheSameProgramAsSnapctl(t *testing.T) {
	dir := folder(t)
	ctl := build(t, ".", filepath.Join(dir, "ctl"))
	if err := os.Symlink(ctl, filepath.Join(dir, "snapctl")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"help"}, {"version"}, {"get", "\xff"}, {"set-health", "active"}} {
		want, got := exec.Command(ctl, args...), exec.Command(filepath.Join(dir, "snapctl"), args...)
		for _, cmd := range []*exec.Cmd{want, got} {
			cmd.Env = []string{"PKGD_CTL_SOCKET=" + filepath.Join(dir, "nobody")}
		}
		wantOut, _ := want.CombinedOutput()
		gotOut, _ := got.CombinedOutput()
		if !bytes.Equal(wantOut, gotOut) || want.ProcessState.ExitCode() != got.ProcessState.ExitCode() {
			t.Errorf("%q: ctl said %q, snapctl %q", args, wantOut, gotOut)
		}
	}
}

func TestCtlNeverReadsItsInput(t *testing.T) {
	ctl := build(t, ".", filepath.Join(folder(t), "ctl"))
	cmd := exec.Command(ctl, "set-health", "active")
	cmd.Env = []string{"PKGD_CTL_SOCKET=" + serve(t), "PKG_COOKIE=c"}
	r, w, err := os.Pipe() // never written to, open until the end
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	cmd.Stdin = r
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// BenchmarkCtl runs ctl and the smallest client in turns, and prints how many
// times as long ctl takes ("ratio"; the house allows 1.5).
func BenchmarkCtl(b *testing.B) {
	dir := folder(b)
	env := []string{"PKGD_CTL_SOCKET=" + serve(b), "PKG_COOKIE=c"}
	once := func(path string) time.Duration {
		cmd := exec.Command(path, "set-health", "active")
		cmd.Env = env
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	ctl := build(b, ".", filepath.Join(dir, "ctl"))
	minimal := build(b, "./testdata/minimal", filepath.Join(dir, "minimal"))
	var ours, least time.Duration
	for b.Loop() {
		least += once(minimal)
		ours += once(ctl)
	}
	n := float64(b.N)
	b.ReportMetric(float64(ours.Microseconds())/n, "ctl-µs")
	b.ReportMetric(float64(least.Microseconds())/n, "minimal-µs")
	b.ReportMetric(float64(ours)/float64(least), "ratio")
}
