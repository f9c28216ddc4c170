package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// surroundings is what a hook could leave traces in.
type surroundings struct {
	data      tree
	services  []string // "name state pid, n restarts"
	processes int      // of services
	sockets   int      // that these hold open
}

// look takes the surroundings of a package down.
func (p *private) look(name string) (s surroundings, err error) {
	if s.data, err = readDataTree(p.app.dirs.Data(name)); err != nil {
		return s, err
	}
	services, err := p.app.client.Services(context.Background(), []string{name})
	if err != nil {
		return s, err
	}
	for _, svc := range services {
		s.services = append(s.services, fmt.Sprintf("%s %s, process %d, %d restarts", svc.Name, svc.State, svc.PID, svc.Restarts))
		pids := descendants(svc.PID)
		s.processes += len(pids)
		for _, pid := range pids {
			s.sockets += socketsOf(pid)
		}
	}
	return s, nil
}

// same tells whether nothing at all has changed.
func (s surroundings) same(other surroundings) bool {
	return len(s.data.changed(other.data)) == 0 && slices.Equal(s.services, other.services) &&
		s.processes == other.processes && s.sockets == other.sockets
}

// tree is what a folder holds: for each path what tells whether it changed.
type tree map[string]string

func readDataTree(dir string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // gone while we walk
			}
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone while we walk
		}
		t[rel] = info.Mode().String()
		if info.Mode().IsRegular() {
			t[rel] += contentOf(path)
		}
		return nil
	})
	return t, err
}

// contentOf is a file's digest, or why it cannot be read.
func contentOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err.Error()
	}
	return string(h.Sum(nil))
}

// changed lists the paths that differ, at most five of them.
func (t tree) changed(later tree) (paths []string) {
	for path, was := range t {
		if later[path] != was {
			paths = append(paths, path)
		}
	}
	for path := range later {
		if _, was := t[path]; !was {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	if len(paths) > 5 {
		paths = append(paths[:5], "…")
	}
	return paths
}

// descendants are a process and all that came from it.
func descendants(pid int) []int {
	if pid == 0 {
		return nil
	}
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, childrenOf(pids[i])...)
	}
	return pids
}

func childrenOf(pid int) (children []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well-formed
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err != nil {
			continue // it has ended meanwhile
		}
		for word := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// socketsOf counts the sockets that a process holds open.
func socketsOf(pid int) int {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0 // it has ended meanwhile
	}
	n := 0
	for _, fd := range fds {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		if err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
