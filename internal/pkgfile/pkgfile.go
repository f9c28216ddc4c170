// Package pkgfile reads and writes packages: the .pkg file, a directory tree,
// and the digest that tells one content from another.
//
// Its nouns: a tree is what a package holds (folders, files and links, each with
// its path), checked as a whole; the canonical tar is the one way to write a
// tree down, the same for every copy of it; the digest is the sha256 of that;
// a .pkg file is the canonical tar compressed with zstd, so `zstd -dc FILE |
// sha256sum` gives the digest. [Limits] bound what content may become.
//
// The canonical tar holds meta and meta/pkg.yaml first, so that the manifest is
// read without reading the rest, then everything else in the order of the bytes
// of its path. Folders and files with any execute bit have mode 0755, all else
// 0644 (links 0755); owner and group are 0 without names, times are the epoch,
// headers are ustar, and PAX only where a name or size needs it.
//
// Its rule: content that is not plainly inside its own tree is refused, whoever
// wrote it, the same from an archive as from a directory; and a destination
// exists whole, synced and read-only, or not at all.
package pkgfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"pkgd.io/pkgd/internal/pkginfo"
)

// Limits bound what content may become on the disk. Zero fields are the
// defaults.
type Limits struct {
	Bytes int64 // of all files together; default 4 GiB
	Files int   // entries of any kind; default 100,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = 4 << 30
	}
	if l.Files == 0 {
		l.Files = 100_000
	}
	return l
}

// FileName is what a package's file is called: NAME_VERSION.pkg.
func FileName(info *pkginfo.Info) string { return info.Name + "_" + info.Version + ".pkg" }

// DigestOf is the digest of the content at path, a directory or a .pkg file.
func DigestOf(path string) (string, error) {
	isDir, err := kindOf(path)
	if err != nil {
		return "", err
	}
	if isDir {
		return Digest(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	digest, err := digestArchive(f)
	if err != nil {
		return "", fmt.Errorf("cannot read package file %s: %w", path, err)
	}
	return digest, nil
}

// ReadInfo reads the manifest of the content at path, a directory or a .pkg
// file, without unpacking it. A directory is checked against its manifest too;
// a file only when it is unpacked. What is wrong with a manifest is
// [pkginfo.Problems].
func ReadInfo(path string) (*pkginfo.Info, error) {
	isDir, err := kindOf(path)
	if err != nil {
		return nil, err
	}
	if isDir {
		return readDirInfo(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	manifest, err := manifestIn(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read package file %s: %w", path, err)
	}
	return pkginfo.Parse(pkginfo.ManifestPath, manifest)
}

func readDirInfo(path string) (*pkginfo.Info, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return pkginfo.ReadTree(root.FS())
}

// kindOf tells a directory from a file, and refuses the rest: a fifo would hang
// its reader.
func kindOf(path string) (isDir bool, err error) {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case !fi.IsDir() && !fi.Mode().IsRegular():
		return false, fmt.Errorf("%s is neither a directory nor a file", path)
	}
	return fi.IsDir(), nil
}

var errStop = errors.New("seen enough")

// manifestIn finds the manifest in an archive. In one that pkgd packed it is the
// second entry.
func manifestIn(r io.Reader) ([]byte, error) {
	var manifest []byte
	t := newTree(Limits{})
	err := readArchive(context.Background(), r, t, func(e *entry, content io.Reader) error {
		if e.path != pkginfo.ManifestPath || e.kind != file {
			return nil
		}
		b, err := io.ReadAll(io.LimitReader(content, pkginfo.MaxManifest+1))
		if err != nil {
			return err
		}
		manifest = b
		return errStop
	})
	if errors.Is(err, errStop) {
		return manifest, nil
	}
	if err == nil {
		err = pkginfo.Problems{{File: pkginfo.ManifestPath, Text: "is missing; a package says there what it is"}}
	}
	return nil, err
}

// exists tells whether there is anything at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
