package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pkgd.io/pkgd/internal/disk"
	"pkgd.io/pkgd/internal/pkgfile"
	"pkgd.io/pkgd/internal/pkginfo"
)

const extension = ".pkg"

// dirStore is a folder with a folder for each channel; files in the folder
// itself are in the default channel too.
type dirStore struct{ dir string }

// OpenDir opens the store in a folder: a sub-folder a channel, NAME_VERSION.pkg
// in it. The folder may appear later; until then looking into it fails.
func OpenDir(dir string) (Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("store %q is not an absolute path", dir)
	}
	if fi, err := os.Stat(dir); err == nil && !fi.IsDir() {
		return nil, fmt.Errorf("store %q is not a folder", dir)
	}
	return &dirStore{dir: filepath.Clean(dir)}, nil
}

func (s *dirStore) Name() string { return s.dir }

// Find reads the manifests of the package's files from the highest version
// down, until one can be taken. A file that is called what it is not stops the
// search: whoever put it there has to look at it.
func (s *dirStore) Find(ctx context.Context, name, channel string) (Entry, error) {
	if channel == "" {
		channel = DefaultChannel
	}
	files, err := s.files(channel)
	if err != nil {
		return Entry{}, err
	}
	missing := &NotFoundError{Store: s.dir, Name: name, Channel: channel}
	for _, f := range newestFirst(files) {
		if f.name != name {
			missing.Known = append(missing.Known, f.name)
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return Entry{}, err
		}
		info, err := f.info()
		if err != nil {
			missing.Skipped = append(missing.Skipped, err.Error())
			continue
		}
		if err := f.honest(info); err != nil {
			return Entry{}, err
		}
		return Entry{Name: name, Version: f.version, Channel: channel, Path: f.path, Store: s.dir, Skipped: missing.Skipped}, nil
	}
	return Entry{}, missing
}

func (s *dirStore) Names(ctx context.Context) ([]string, error) {
	channels, err := s.channels()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, channel := range channels {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		files, err := s.files(channel)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.reason == nil {
				names = append(names, f.name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *dirStore) Fetch(ctx context.Context, e Entry, dst string) error {
	f, err := os.Open(e.Path)
	if err != nil {
		return fmt.Errorf("cannot fetch package %q: %w", e.Name, err)
	}
	defer f.Close()
	err = disk.WriteFile(dst, 0o600, func(w io.Writer) error { return copyAll(ctx, w, f) })
	if err != nil {
		return fmt.Errorf("cannot fetch package %q: %w", e.Name, err)
	}
	return nil
}

// copyAll copies in steps, between which it looks whether it should stop.
func copyAll(ctx context.Context, w io.Writer, r io.Reader) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		_, err := io.CopyN(w, r, 8<<20)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// channels lists the sub-folders, and the default channel always.
func (s *dirStore) channels() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot look into store %s: %w", s.dir, reason(err))
	}
	channels := []string{DefaultChannel}
	for _, e := range entries {
		fi, err := os.Stat(filepath.Join(s.dir, e.Name()))
		if err == nil && fi.IsDir() && validChannel(e.Name()) && e.Name() != DefaultChannel {
			channels = append(channels, e.Name())
		}
	}
	return channels, nil
}

func validChannel(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\x00")
}

// reason leaves the path away, which the message around it has.
func reason(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// storeFile is one file, as its name describes it.
type storeFile struct {
	path, name, version string
	reason              error // why it is none of a package's
}

func (s *dirStore) files(channel string) ([]storeFile, error) {
	channels, err := s.channels()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(channels, channel) {
		return nil, &NotFoundError{Store: s.dir, Channel: channel, Known: channels, NoChannel: true}
	}
	folders := []string{filepath.Join(s.dir, channel)}
	if channel == DefaultChannel {
		folders = append(folders, s.dir)
	}
	var files []storeFile
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look into store %s: %w", s.dir, err)
		}
		for _, e := range entries {
			if name := e.Name(); strings.HasSuffix(name, extension) && !strings.HasPrefix(name, ".") {
				files = append(files, describe(filepath.Join(folder, name)))
			}
		}
	}
	return files, nil
}

func describe(path string) storeFile {
	name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), extension), "_")
	f := storeFile{path: path, name: name, version: version}
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		f.reason = reason(err)
	case !fi.Mode().IsRegular():
		f.reason = errors.New("is not a file")
	default:
		f.reason = cmp.Or(pkginfo.ValidName(name), pkginfo.ValidVersion(version))
	}
	return f
}

// newestFirst orders by version; of equal versions the name decides, so that
// the answer does not depend on the disk.
func newestFirst(files []storeFile) []storeFile {
	slices.SortFunc(files, func(a, b storeFile) int {
		if c := pkginfo.CompareVersions(b.version, a.version); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	return files
}

// info reads the manifest in the file; the error says why it cannot be taken.
func (f storeFile) info() (*pkginfo.Info, error) {
	if f.reason != nil {
		return nil, fmt.Errorf("%s: %w", f.path, f.reason)
	}
	info, err := pkgfile.ReadInfo(f.path)
	if err != nil && !strings.Contains(err.Error(), f.path) {
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	return info, err
}

// honest compares the file's name with its manifest.
func (f storeFile) honest(info *pkginfo.Info) error {
	if info.Name == f.name && info.Version == f.version {
		return nil
	}
	return fmt.Errorf("file %s is called what it is not: in it is %s %s; rename it to %s, or remove it",
		f.path, info.Name, info.Version, pkgfile.FileName(info))
}
