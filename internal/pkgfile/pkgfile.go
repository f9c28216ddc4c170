package pkgfile

import (
	"context"
	"errors"
	"io"

	"pkgd.io/pkgd/internal/pkginfo"
)

// Limits bound what content may become on the disk. Zero fields are the defaults.
type Limits struct {
	Bytes int64 // of all files together; default 4 GiB
	Files int   // entries of any kind; default 100,000
}

func Digest(dir string) (string, error)                       { return "", errors.New("draft") }
func Pack(dir string, w io.Writer) (digest string, err error) { return "", errors.New("draft") }
func Unpack(ctx context.Context, r io.Reader, dst string, l Limits) (digest string, err error) {
	return "", errors.New("draft")
}
func CopyTree(ctx context.Context, src, dst string, l Limits) (digest string, err error) {
	return "", errors.New("draft")
}
func ReadInfo(path string) (*pkginfo.Info, error) { return nil, errors.New("draft") }
func DigestOf(path string) (string, error)        { return "", errors.New("draft") }
func FileName(i *pkginfo.Info) string             { return i.Name + "_" + i.Version + ".pkg" }
