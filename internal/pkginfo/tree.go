package pkginfo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"pkgd.io/pkgd/internal/strictyaml"
)

// ReadTree reads the manifest of the package whose tree is fsys and checks it
// against the tree: the programs and hooks that it names have to be there and
// be executable. The error is [Problems] unless the manifest cannot be read.
func ReadTree(fsys fs.FS) (*Info, error) {
	b, err := readManifest(fsys)
	if err != nil {
		return nil, err
	}
	info, err := Parse(ManifestPath, b)
	if err != nil {
		return nil, err
	}
	t := &tree{fsys: fsys}
	t.commands(info)
	t.hooks(info)
	if err := t.problems.Err(); err != nil {
		return nil, err
	}
	return info, nil
}

func readManifest(fsys fs.FS) ([]byte, error) {
	f, err := fsys.Open(ManifestPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Problems{{File: ManifestPath, Text: "is missing; a package says there what it is"}}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return nil, Problems{{File: ManifestPath, Text: "is not a file"}}
	}
	b, err := io.ReadAll(io.LimitReader(f, MaxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	return b, nil
}

// Hooks lists the hooks that the tree has, in the order of [HookNames], and
// tells whether it says how it is: by check-health or by an executable in
// meta/health.d.
func Hooks(fsys fs.FS) (names []string, hasHealth bool) {
	for _, name := range HookNames() {
		if runnable(fsys, HooksDir+"/"+name) {
			names = append(names, name)
		}
	}
	return names, slices.Contains(names, CheckHealth) || len(HealthPlugins(fsys)) > 0
}

// HealthPlugins lists the executables in meta/health.d, sorted.
func HealthPlugins(fsys fs.FS) []string {
	entries, err := fs.ReadDir(fsys, HealthDir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if runnable(fsys, HealthDir+"/"+e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func runnable(fsys fs.FS, file string) bool {
	fi, err := fs.Stat(fsys, file)
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

// tree checks files against what the manifest says of them.
type tree struct {
	fsys     fs.FS
	problems Problems
	told     []string
}

func (t *tree) fail(file, text string) {
	if slices.Contains(t.told, file) {
		return
	}
	t.told = append(t.told, file)
	t.problems = append(t.problems, strictyaml.Problem{File: file, Text: text})
}

// executable notes a problem when file cannot be run.
func (t *tree) executable(file, what, missing string) {
	fi, err := fs.Stat(t.fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.fail(file, what+" is not in the package; "+missing)
	case err != nil:
		t.fail(file, fmt.Sprintf("%s cannot be read: %v", what, err))
	case !fi.Mode().IsRegular():
		t.fail(file, what+" is not a file")
	case fi.Mode()&0o111 == 0:
		t.fail(file, what+" is not executable: chmod +x "+file)
	}
}

func (t *tree) commands(info *Info) {
	for _, s := range info.Services {
		t.program(s.Command, fmt.Sprintf("the program of service %q", s.Name))
		t.program(s.StopCommand, fmt.Sprintf("the stop-command of service %q", s.Name))
		if s.Ready != nil {
			t.program(s.Ready.Exec, fmt.Sprintf("the ready condition of service %q", s.Name))
		}
	}
	for _, a := range info.Apps {
		t.program(a.Command, fmt.Sprintf("the program of app %q", a.Name))
	}
}

func (t *tree) program(command, what string) {
	if command == "" {
		return
	}
	file, err := programFile(command)
	if err != nil || file == "" {
		return // Parse has told, or a program of the system
	}
	t.executable(file, what, "a program of the system is named by its whole path, such as /bin/"+path.Base(file))
}

// danglingHooks lists the hooks that are links to nothing: skipping them as hooks
// that are not there would be a silence that nobody wanted.
func (t *tree) danglingHooks() (names []string) {
	entries, _ := fs.ReadDir(t.fsys, HooksDir) // no folder, no hooks
	for _, e := range entries {
		_, err := fs.Stat(t.fsys, HooksDir+"/"+e.Name())
		if errors.Is(err, fs.ErrNotExist) && slices.Contains(HookNames(), e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func (t *tree) hooks(info *Info) {
	for _, name := range t.danglingHooks() {
		t.fail(HooksDir+"/"+name, fmt.Sprintf("hook %q is a link to what is not in the package", name))
	}
	for _, name := range HookNames() {
		file := HooksDir + "/" + name
		_, declared := info.Hooks[name]
		_, err := fs.Stat(t.fsys, file)
		if declared || err == nil {
			t.executable(file, fmt.Sprintf("hook %q", name), "take it out of hooks: or write it")
		}
	}
	if n := len(HealthPlugins(t.fsys)); n > MaxChecks {
		t.fail(HealthDir, fmt.Sprintf("has %d executables; a package has at most %d checks", n, MaxChecks))
	}
}
