package pkgfile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Bounds of the compressed form.
const (
	maxWindow  = 32 << 20 // memory that decompressing may take; zstd -19 needs 8 MiB
	maxRatio   = 1000     // how much larger content may be than its file …
	freeRatio  = 64 << 20 // … beyond the first bytes
	maxPadding = 1 << 20  // zeros after the end
)

var (
	errCutOff   = errors.New("the file is cut off")
	errGarbage  = errors.New("there is more in the file after its end")
	errRatio    = fmt.Errorf("the content is more than %d times larger than its file", maxRatio)
	errNotAFile = errors.New("not a .pkg file (a tar compressed with zstd); pkgd pack makes one")
)

// readArchive reads a .pkg file, adds its entries to t and calls each for every
// one of them, in the order of the file, with the content of a file to read. It
// ends at the first thing that is wrong; what each has made until then the
// caller removes.
func readArchive(ctx context.Context, r io.Reader, t *tree, each func(e *entry, content io.Reader) error) error {
	in := &counter{r: &withContext{ctx, r}}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return errNotAFile
	}
	defer z.Close()
	out := &bounded{ctx: ctx, r: z, in: in, limit: t.limits.Bytes + int64(t.limits.Files)*4096 + maxPadding}
	if err := readTar(out, t, each); err != nil {
		return plain(err)
	}
	return t.checkLinks()
}

// plain gives the decoders' words as ours.
func plain(err error) error {
	switch {
	case errors.Is(err, zstd.ErrMagicMismatch):
		return errNotAFile
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCutOff
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("decompressing takes more than %d MiB of memory: compress it with less than zstd --ultra, or by pkgd pack", maxWindow>>20)
	case errors.Is(err, zstd.ErrCRCMismatch), errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return err
}

func readTar(out *bounded, t *tree, each func(e *entry, content io.Reader) error) error {
	tr := tar.NewReader(out)
	end := int64(0) // of the last entry, padding included
	for {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return checkEnd(out, end)
		}
		if err != nil {
			return err
		}
		if err := readEntry(hdr, tr, t, each); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, tr); err != nil {
			return err
		}
		end = (out.n + 511) &^ 511
	}
}

func readEntry(hdr *tar.Header, content io.Reader, t *tree, each func(e *entry, content io.Reader) error) error {
	e, err := entryOf(hdr)
	if err != nil || e == nil {
		return err
	}
	if err := t.add(e); err != nil {
		return err
	}
	return each(e, content)
}

// entryOf gives what a header describes: nil for what says nothing of the tree,
// an error for what has no place in one.
func entryOf(hdr *tar.Header) (*entry, error) {
	name := strings.TrimSuffix(hdr.Name, "/")
	for strings.HasPrefix(name, "./") {
		name = name[2:]
	}
	e := &entry{path: name}
	switch hdr.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil, nil
	case tar.TypeDir:
		e.kind = dir
		if name == "." || name == "" && hdr.Name != "/" {
			return nil, nil // the tree itself
		}
	case tar.TypeReg:
		e.kind, e.size, e.exec = file, hdr.Size, hdr.Mode&0o111 != 0
		if hdr.Mode&0o6000 != 0 {
			return nil, setid(name)
		}
	case tar.TypeSymlink:
		e.kind, e.target = link, hdr.Linkname
	case tar.TypeLink:
		return nil, fmt.Errorf("%q is a hard link; a package has none: pack it with pkgd pack", name)
	default:
		return nil, fmt.Errorf("%q is neither a file nor a folder nor a link", name)
	}
	return e, nil
}

func setid(name string) error {
	return fmt.Errorf("%q is setuid or setgid; a package cannot carry that: chmod u-s,g-s", name)
}

// checkEnd makes sure that the archive ended because it said so, and that
// nothing follows.
func checkEnd(out *bounded, end int64) error {
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		if strings.Trim(string(buf[:n]), "\x00") != "" {
			return errGarbage
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if out.n > end+maxPadding {
			return errGarbage
		}
	}
	if out.n < end+1024 {
		return errCutOff
	}
	return nil
}

// counter counts what was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded is the decompressed stream. It ends when the context does, and when
// the stream grows beyond reason, whatever its headers declare.
type bounded struct {
	ctx   context.Context
	r     io.Reader
	in    *counter
	n     int64
	limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > b.limit:
		return n, fmt.Errorf("the content has more than %d bytes", b.limit)
	case explodes(b.n, b.in.n):
		return n, errRatio
	}
	return n, err
}

func explodes(content, compressed int64) bool {
	return content > freeRatio && content/maxRatio > compressed
}
