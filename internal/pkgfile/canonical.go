package pkgfile

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// header is an entry's canonical header.
func (e *entry) header() *tar.Header {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: e.path, Mode: 0o644, Size: e.size, ModTime: time.Unix(0, 0)}
	switch {
	case e.kind == dir:
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, e.path+"/", 0o755
	case e.kind == link:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.target, 0o755
	case e.exec:
		h.Mode = 0o755
	}
	return h
}

// canonWriter writes the canonical tar of entries that come in its order.
type canonWriter struct{ *tar.Writer }

func newCanonWriter(w io.Writer) canonWriter { return canonWriter{tar.NewWriter(w)} }

func (w canonWriter) write(e *entry, content io.Reader) error {
	if err := w.WriteHeader(e.header()); err != nil {
		return fmt.Errorf("cannot pack %q: %w", e.path, err)
	}
	if e.kind != file {
		return nil
	}
	n, err := io.Copy(w, io.LimitReader(content, e.size))
	if err == nil && n < e.size {
		err = errChanged
	}
	if err != nil {
		return fmt.Errorf("cannot pack %q: %w", e.path, err)
	}
	return nil
}

// writeCanonical writes the canonical tar of the tree in root.
func writeCanonical(w io.Writer, root *os.Root, t *tree) error {
	cw := newCanonWriter(w)
	for _, e := range t.canonical() {
		if err := writeFrom(cw, root, e); err != nil {
			return err
		}
	}
	return cw.Close()
}

func writeFrom(cw canonWriter, root *os.Root, e *entry) error {
	if e.kind != file {
		return cw.write(e, nil)
	}
	f, err := openFile(root, e)
	if err != nil {
		return err
	}
	defer f.Close()
	return cw.write(e, f)
}

func digestString(h hash.Hash) string { return "sha256:" + hex.EncodeToString(h.Sum(nil)) }

// Digest is the digest of the content of a directory: "sha256:" and 64
// hexadecimal digits.
func Digest(dir string) (string, error) {
	root, t, err := scan(dir, Limits{})
	if err != nil {
		return "", err
	}
	defer root.Close()
	return digestRoot(root, t)
}

func digestRoot(root *os.Root, t *tree) (string, error) {
	h := sha256.New()
	if err := writeCanonical(h, root, t); err != nil {
		return "", err
	}
	return digestString(h), nil
}

// Pack writes the content of a directory as a .pkg file: the same tree gives
// the same bytes. The manifest is not looked at.
func Pack(dir string, w io.Writer) (digest string, err error) {
	root, t, err := scan(dir, Limits{})
	if err != nil {
		return "", err
	}
	defer root.Close()
	out := &writeCounter{w: w}
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	content := &writeCounter{w: io.MultiWriter(h, z)}
	if err := writeCanonical(content, root, t); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	if explodes(content.n, out.n) {
		return "", fmt.Errorf("cannot pack %s: %w, and would be refused as a bomb", dir, errRatio)
	}
	return digestString(h), nil
}

// writeCounter counts what was written.
type writeCounter struct {
	w io.Writer
	n int64
}

func (c *writeCounter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
