package hostile

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/tests/daemontest"
)

// TestAMillionEntriesAreRefused gives the daemon an archive of a few MiB that holds
// them.
func TestAMillionEntriesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	before := w.Figures()
	path := filepath.Join(w.Dirs.Root, "many.pkg")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(z)
	manifest := "name: many\nversion: '1'\nsummary: Many files\n"
	add := func(h tar.Header, text string) {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "meta/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
	add(tar.Header{Name: "meta/pkg.yaml", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(manifest))}, manifest)
	for i := range 1_000_000 {
		add(tar.Header{Name: strconv.Itoa(i), Typeflag: tar.TypeReg, Mode: 0o644}, "")
	}
	for _, c := range []interface{ Close() error }{tw, z, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.Client.Do(w.Context(), api.PackageRequest{Action: "install", Targets: []string{path}})
	if err == nil || !strings.Contains(err.Error(), "entries") && !strings.Contains(err.Error(), "times larger") {
		t.Errorf("got %v", err)
	}
	w.served(t, "a million entries")
	w.after(t, before)
}

// tries are what a hook of one package must not succeed in: each is a line of
// shell, with what it is about in the environment. They leave what they could do
// in $PKG_COMMON/worked.
var tries = []string{
	// The daemon.
	`cat $LIB/state.db`, `cat $LIB/state.db.backup`, `echo x >>$LIB/state.db`, `rm -f $LIB/state.db; test ! -e $LIB/state.db`, `cat $ETC/pkgd.yaml`,
	`kill -9 $DAEMON`, `kill -STOP $DAEMON`, `kill -HUP $DAEMON`, `cat /proc/$DAEMON/environ`, `cat /proc/$DAEMON/mem`, `readlink /proc/$DAEMON/fd/0`, `ls /proc/$DAEMON/root/`,
	`echo 1000 >/proc/$DAEMON/oom_score_adj`, `rm $RUN/pkgd.socket`, `rm $RUN/ctl.socket`, `echo x >$RUN/bin/ctl`, `mv $RUN/bin $RUN/bin2`,
	// Another package.
	`cat $LIB/data/web/common/secret`, `echo x >$LIB/data/web/common/secret`, `ls $LIB/data/web`, `rm -r $LIB/data/web`, `ls $LIB/packages/web`, `$LIB/packages/web/current/bin/serve`,
	`cat $RUN/cookies/* | grep .`, `ls $RUN/cookies`, `ls $RUN/tmp/web`, `cat /proc/$WEB/environ | grep .`, `ls /proc/$WEB/root/`, `kill -9 $WEB`, `kill -STOP $WEB`, `cat $LOG/web* | grep .`,
	`ln $LIB/data/web/common/secret $PKG_DATA/hard`, `ln -s $LIB/data/web/common/secret $PKG_DATA/soft && cat $PKG_DATA/soft`,
	`PKG_NAME=web PKG_COOKIE= SNAP_COOKIE= SNAP_CONTEXT= ctl set-health error --code=not-me`, `SNAP_COOKIE= SNAP_CONTEXT= PKG_COOKIE=$(echo $PKG_COOKIE | tr a-y b-z) ctl set-health error --code=not-me`,
	`ctl restart web.serve`, `ctl stop serve`, `ctl get password | grep .`,
	// The host.
	`mv $PKG_DATA $PKG_DATA.away`, `echo x >$PKG/meta/pkg.yaml`, `touch /etc/evil`, `touch /tmp/evil`, `mknod $PKG_DATA/disk b 254 0`, `mount -t tmpfs none $PKG_DATA`, `echo $$ >/sys/fs/cgroup/unified/cgroup.procs`,
}

const evilManifest = `name: evil
version: %q
summary: Means no good
health: {timeout: 10s}
services: {noise: {command: bin/noise}}
`

// TestAHostilePackageHarmsNobody installs a package whose hooks and service try all
// that they should not be able to, beside web, and refreshes it over what it has
// left in its data. Web, the daemon and the host are as before.
func TestAHostilePackageHarmsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.furnish()
	w.served(t, "before")
	secretFile := filepath.Join(w.Dirs.DataCommon("web"), "secret")
	w.Write(secretFile, "k3y of the data\n", 0o600)
	before, web, daemon := w.Figures(), w.serviceOfWeb(), w.PID()

	w.Do("install", w.evil("1", "ctl set-health active"))
	common := w.Dirs.DataCommon("evil")
	daemontest.Eventually(t, "the hook's tries", func() bool { _, err := os.Stat(common + "/worked"); return err == nil })
	if confined(w) {
		if worked, err := os.ReadFile(common + "/worked"); err != nil || len(worked) > 0 {
			t.Errorf("a hook could: %s %v", worked, err)
		}
	}
	w.served(t, "a hostile package")
	// Over what lies in its data: pipes, links, holes, depths, names.
	w.Do("refresh", w.evil("2", "ctl set-health active"))
	w.Try("refresh", w.evil("3", "ctl set-health error --code=bad-day 'On purpose'"))
	if b, err := os.ReadFile("/etc/passwd"); err != nil || len(b) == 0 {
		t.Errorf("/etc/passwd: %v", err)
	}
	if got := w.serviceOfWeb(); got.PID != web.PID || w.PID() != daemon {
		t.Errorf("web's service is %+v, was %+v", got, web)
	}
	if b, err := os.ReadFile(secretFile); string(b) != "k3y of the data\n" {
		t.Errorf("web's data are %q %v", b, err)
	}
	if r, err := w.Client.Record(w.Context(), "web"); err != nil || r.Status != "active" {
		t.Errorf("web is %+v %v", r, err)
	}
	w.purge(t)
	w.served(t, "it is gone")
	w.after(t, before)
}

// confined is false where the kernel has no Landlock: then a hook of root can what
// root can, which SECURITY.md says.
func confined(w *world) bool { return strings.Contains(w.Log.String(), "Landlock ABI") }

func (w *world) serviceOfWeb() api.Service {
	w.t.Helper()
	list, err := w.Client.Services(w.Context(), []string{"web"})
	if err != nil || len(list) != 1 || list[0].PID == 0 {
		w.t.Fatalf("web's service: %+v %v", list, err)
	}
	return list[0]
}

// evil is a package tree. Its install hook tries what it must not, its check-health
// leaves children, noise and litter behind, and its service never is quiet.
func (w *world) evil(version, health string) string {
	w.t.Helper()
	var script strings.Builder
	fmt.Fprintf(&script, "#!/bin/sh\nLIB=%s RUN=%s ETC=%s LOG=%s DAEMON=%d WEB=%d\nexec 2>/dev/null\n",
		w.Dirs.Lib(), w.Dirs.Run(), filepath.Dir(w.Dirs.Config()), w.Dirs.Logs(), w.PID(), w.serviceOfWeb().PID)
	for _, try := range tries {
		fmt.Fprintf(&script, "( %s ) >/dev/null && echo %s >>$PKG_COMMON/part\n", try, shellQuote(try))
	}
	script.WriteString("touch $PKG_COMMON/part\nmv $PKG_COMMON/part $PKG_COMMON/worked\n")
	return w.Tree(fmt.Sprintf(evilManifest, version), map[string]string{
		"meta/hooks/install":      script.String(),
		"meta/hooks/check-health": "#!/bin/sh\n" + mischief + health + "\n",
		"bin/noise":               "#!/bin/sh\nwhile :; do yes noise | head -c 3000000; " + greedy + "done\n",
	})
}

// mischief is what a hook may do, and has to bear the consequences of: children
// that leave its session, hold its output and ignore TERM, output without end, a
// full TMPDIR, and data that are hard to copy.
const mischief = `cd $PKG_DATA
for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'trap "" TERM HUP; for j in 1 2 3 4 5 6 7 8; do sleep 9871 & done; wait' & done
[ ! -e $TMPDIR/full ] || ctl set-health error --code=tmp-not-emptied
head -c 16000000 /dev/zero >$TMPDIR/full
head -c 8000000 /dev/zero | tr '\0' x
[ -e pipe ] || {
	mkfifo pipe
	ln -s /etc/passwd passwd
	ln -s . loop
	ln -s ../../../../../../etc up
	truncate -s 100G hole
	mkdir "$(printf 'new\nline\033[2J')" -- -rf
	d=$PWD; i=0; while [ $i -lt 30 ]; do mkdir $(printf '%0100d' $i) && cd $(printf '%0100d' $i) || break; i=$((i+1)); done; cd $d
	i=0; while [ $i -lt 500 ]; do : >file$i; i=$((i+1)); done
	chmod 000 file1
}
`

// greedy sets configuration without end, and asks for what is not its own.
const greedy = `i=0; while [ $i -lt 30 ]; do ctl set big$i=$(head -c 100000 /dev/zero | tr '\0' x); i=$((i+1)); done >/dev/null 2>&1; `

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// purge takes evil away and checks that it is.
func (w *world) purge(t *testing.T) {
	t.Helper()
	if doc, err := w.Client.Config(w.Context(), "evil", nil); err != nil || len(doc) > 2<<20 {
		t.Errorf("it has %d bytes of configuration: %v", len(doc), err)
	}
	answer, err := w.Client.Do(w.Context(), api.PackageRequest{Action: "remove", Targets: []string{"evil"}, Purge: true})
	if err != nil {
		t.Fatal(err)
	}
	if chg, err := w.Client.WaitChange(w.Context(), answer.Change); err != nil || chg.Status != "Done" {
		t.Fatalf("%+v %v", chg, err)
	}
	for _, path := range []string{w.Dirs.Package("evil"), w.Dirs.Data("evil")} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	daemontest.Eventually(t, "the end of all that it started", func() bool { return len(w.processesOf("evil")) == 0 })
}

// processesOf are those that run with a package's environment.
func (w *world) processesOf(name string) (pids []string) {
	procs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range procs {
		b, _ := os.ReadFile(p) // it may have gone
		if strings.Contains(string(b), "PKG="+w.Dirs.Package(name)+"/") {
			pids = append(pids, filepath.Base(filepath.Dir(p)))
		}
	}
	return pids
}
