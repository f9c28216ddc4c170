package world

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"pkgd.io/pkgd/internal/api"
)

// What check-health of web may say: lines of shell.
const (
	Well   = "ctl set-health active"
	Broken = "ctl set-health error --code=schema-too-new Broken"
)

// Pack writes a package tree: version v of web, with this line of shell for its
// health.
func (w *World) Pack(v, health string) string { return w.PackAs("web", v, health) }

// PackAs is Pack for a package of another name, which is like web.
func (w *World) PackAs(name, v, health string) string {
	dir := filepath.Join(w.Pkgs, name+v)
	w.Write(dir+"/meta/pkg.yaml", fmt.Sprintf("name: %s\nversion: %q\nsummary: A server\nservices:\n  serve: {command: bin/serve, ready: {exec: bin/ready}}\n", name, v), 0o644)
	w.Write(dir+"/meta/hooks/check-health", "#!/bin/sh\n"+health+"\n", 0o755)
	w.Write(dir+"/meta/hooks/install", "#!/bin/sh\nctl set port="+v+"\n", 0o755)
	w.Write(dir+"/meta/hooks/post-refresh", "#!/bin/sh\nctl set port="+v+"\n", 0o755)
	w.Write(dir+"/bin/ready", "#!/bin/sh\n"+migrated(v)+"\n", 0o755)
	w.Write(dir+"/bin/serve", "#!/bin/sh\n"+migrate(v)+"while :; do sleep 1000; done\n", 0o755)
	return dir
}

// migrate is what a service does to its data before it serves: forward only, so
// that an old one does not paint over what a newer one left.
func migrate(v string) string {
	return migrated(v) + " || { echo " + v + " >$PKG_DATA/new && sync $PKG_DATA/new && mv $PKG_DATA/new $PKG_DATA/schema; }\n"
}

func migrated(v string) string {
	return "[ $(cat $PKG_DATA/schema 2>/dev/null || echo 0) -ge " + v + " ]"
}

// Ask asks for something to be done to web and waits for the change to end.
func (w *World) Ask(action, target string) (api.Change, error) {
	w.Helper()
	answer, err := w.Client.Do(w.Ctx(), api.PackageRequest{Action: action, Targets: []string{target}})
	if err != nil {
		return api.Change{}, err
	}
	return w.Client.WaitChange(w.Ctx(), answer.Change)
}

// MustDo does something that nothing hinders.
func (w *World) MustDo(action, target string) {
	w.Helper()
	chg, err := w.Ask(action, target)
	if err == nil {
		err = Failure(chg)
	}
	if err != nil {
		w.Fatalf("cannot %s: %v\n%s", action, err, w.Said)
	}
}

// Failure is what a change that was not done says, with the logs of its tasks.
func Failure(chg api.Change) error {
	if chg.Status == "Done" {
		return nil
	}
	var log []string
	for _, task := range chg.Tasks {
		log = append(log, task.Log...)
	}
	return fmt.Errorf("%s: %s\n%s", chg.Status, chg.Err, strings.Join(log, "\n"))
}

// Set sets web's port, and waits for the change to end.
func (w *World) Set(port string) (api.Change, error) {
	w.Helper()
	id, err := w.Client.SetConfig(w.Ctx(), "web", api.ConfigRequest{"port": []byte(port)})
	if err != nil {
		return api.Change{}, err
	}
	return w.Client.WaitChange(w.Ctx(), id)
}

// Installed puts web 41 on the world, with its configuration, and stops.
func (w *World) Installed() {
	w.Helper()
	w.Start()
	w.MustDo("install", w.Pack("41", Well))
	chg, err := w.Set("41")
	if err == nil {
		err = Failure(chg)
	}
	if err != nil {
		w.Fatalf("cannot set: %v\n%s", err, w.Said)
	}
	w.Stop()
}

// Settle waits until no change is under way and gives the newest of a kind.
func (w *World) Settle(kind string) (newest api.Change, found bool) {
	w.Helper()
	list, err := w.Client.Changes(w.Ctx())
	if err != nil {
		w.Fatalf("cannot list changes: %v\n%s", err, w.Said)
	}
	for _, chg := range list {
		if chg, err = w.Client.WaitChange(w.Ctx(), chg.ID); err != nil {
			w.Fatalf("change %s does not end: %v\n%s", chg.ID, err, w.Said)
		}
		if chg.Kind == kind && !found {
			newest, found = chg, true
		}
	}
	return newest, found
}

// AwaitService waits until the service is up: after a start that is no change's
// business.
func (w *World) AwaitService() {
	w.Helper()
	ctx := w.Ctx()
	Eventually(w.TB, "start of the service", func() bool {
		list, err := w.Client.Services(ctx, []string{"web"})
		return err == nil && len(list) == 1 && list[0].State == "active"
	})
}

// Serving counts the instances of web's service, by what the kernel runs, and
// gives the revision of one.
func (w *World) Serving() (n int, rev string) {
	for _, instance := range w.Instances() {
		if of, ok := strings.CutPrefix(instance, "web/"); ok {
			n, rev = n+1, of
		}
	}
	return n, rev
}

// AwaitServices waits until the services of all packages are up.
func (w *World) AwaitServices() {
	w.Helper()
	ctx := w.Ctx()
	Eventually(w.TB, "start of the services", func() bool {
		list, err := w.Client.Services(ctx, nil)
		down := slices.ContainsFunc(list, func(s api.Service) bool { return s.State != "active" })
		return err == nil && !down
	})
}

// Instances are the services that the kernel runs, as PACKAGE/REVISION. A shell's
// fork of itself belongs to the instance that it was forked from.
func (w *World) Instances() (list []string) {
	revs, parents := map[string]string{}, map[string]string{} // by pid
	procs, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range procs {
		for word := range strings.SplitSeq(w.Read(p+"/cmdline"), "\x00") {
			if strings.HasPrefix(word, w.Dirs.Packages()) && strings.HasSuffix(word, "/bin/serve") {
				rev := filepath.Dir(filepath.Dir(word))
				revs[filepath.Base(p)] = filepath.Base(filepath.Dir(rev)) + "/" + filepath.Base(rev)
				parents[filepath.Base(p)] = w.parent(filepath.Base(p))
			}
		}
	}
	for pid, parent := range parents {
		if _, forked := revs[parent]; !forked && parent != "" {
			list = append(list, revs[pid])
		}
	}
	slices.Sort(list)
	return list
}

// parent is empty of a process that is gone.
func (w *World) parent(pid string) string {
	_, rest, _ := strings.Cut(w.Read("/proc/"+pid+"/stat"), ") ")
	if f := strings.Fields(rest); len(f) > 1 {
		return f[1]
	}
	return ""
}

// Holds checks the host against what revision want leaves: that revision, one
// running service of it, its data, its configuration, and a health that is
// true. A revision of 0 is none at all.
func (w *World) Holds(want int) {
	w.Helper()
	if want == 0 {
		w.IsGone()
		return
	}
	info, err := w.Client.Package(w.Ctx(), "web")
	if err != nil {
		w.Fatalf("%v\n%s", err, w.Said)
	}
	w.AwaitService()
	version := strconv.Itoa(40 + want)
	if info.Revision != want {
		w.Errorf("revision is %d, want %d", info.Revision, want)
	}
	w.servesOnce(want)
	Eventually(w.TB, "data of the service's version", func() bool {
		return w.Read(w.Dirs.DataRevision("web", want)+"/schema") == version
	})
	w.HasPort(version)
	w.IsTrulyActive(want)
	if w.Failed() {
		w.Log(w.Said)
	}
}

func (w *World) servesOnce(want int) {
	w.Helper()
	if n, rev := w.Serving(); n != 1 || rev != strconv.Itoa(want) {
		w.Errorf("%d services run, the last of revision %q; want one of %d", n, rev, want)
	}
}

// HasPort checks the configuration.
func (w *World) HasPort(want string) {
	w.Helper()
	if got, err := w.Client.Config(w.Ctx(), "web", []string{"port"}); err != nil || string(got) != want {
		w.Errorf("configuration says %s (%v), want %s\n%s", got, err, want, w.Said)
	}
}

// IsTrulyActive asks the hook now: all revisions that are kept here are well.
func (w *World) IsTrulyActive(want int) {
	w.Helper()
	h, err := w.Client.Check(w.Ctx(), api.HealthRequest{Names: []string{"web"}})
	if err != nil || len(h.Packages) != 1 {
		w.Errorf("check: %+v %v", h, err)
		return
	}
	if r := h.Packages[0]; r.Status != "active" || r.Revision != want {
		w.Errorf("health is %+v, want active of revision %d", r, want)
	}
}

// IsGone checks that nothing of web runs or can be seen.
func (w *World) IsGone() {
	w.Helper()
	if list, err := w.Client.Packages(w.Ctx()); err != nil || len(list) != 0 {
		w.Errorf("installed are %+v (%v)\n%s", list, err, w.Said)
	}
	if n, _ := w.Serving(); n != 0 {
		w.Errorf("%d services run", n)
	}
	if left, _ := filepath.Glob(w.Dirs.Package("web") + "/*"); len(left) > 0 {
		w.Errorf("left over: %v", left)
	}
}

// NoLeftovers checks that nothing half-made lies about.
func (w *World) NoLeftovers() {
	w.Helper()
	for _, glob := range []string{
		w.Dirs.Staging() + "/*", w.Dirs.Packages() + "/.*", w.Dirs.Package("web") + "/.*", w.Dirs.Data("web") + "/.*",
	} {
		if left, _ := filepath.Glob(glob); len(left) > 0 {
			w.Errorf("left over: %v", left)
		}
	}
}
