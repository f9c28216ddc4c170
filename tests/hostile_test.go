package tests

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

const hostileManifest = "name: evil\nversion: \"1.0\"\nsummary: Means no good\n"

// entries is what comes after an innocent manifest in each kind of hostile file.
var entries = map[string][]tar.Header{
	"dotdot":         {{Name: "bin/../../../escaped", Typeflag: tar.TypeReg, Mode: 0o644}},
	"absolute":       {{Name: "/tmp/escaped", Typeflag: tar.TypeReg, Mode: 0o644}},
	"absolute-link":  {{Name: "passwd", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
	"escaping-link":  {{Name: "up", Typeflag: tar.TypeSymlink, Linkname: "../../up"}},
	"through-link":   {{Name: "dir", Typeflag: tar.TypeSymlink, Linkname: "."}, {Name: "dir/file", Typeflag: tar.TypeReg, Mode: 0o644}},
	"hard-link":      {{Name: "shadow", Typeflag: tar.TypeLink, Linkname: "/etc/shadow"}},
	"device":         {{Name: "null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3}},
	"fifo":           {{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o644}},
	"setuid":         {{Name: "su", Typeflag: tar.TypeReg, Mode: 0o4755}},
	"duplicate":      {{Name: "file", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "file", Typeflag: tar.TypeReg, Mode: 0o644}},
	"case-colliding": {{Name: "README", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "readme", Typeflag: tar.TypeReg, Mode: 0o644}},
	"bomb":           {{Name: "zeros", Typeflag: tar.TypeReg, Mode: 0o644, Size: 64 << 30}},
}

// hostile makes a .pkg file that means harm, of a kind above or "truncated",
// "rubbish", "no-manifest".
func hostile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hostile KIND FILE")
	}
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	ts.Check(err)
	w := tar.NewWriter(z)
	if args[0] != "no-manifest" {
		addEntry(ts, w, tar.Header{Name: "meta/", Typeflag: tar.TypeDir, Mode: 0o755})
		addEntry(ts, w, tar.Header{Name: "meta/pkg.yaml", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(hostileManifest))})
		_, err = io.WriteString(w, hostileManifest)
		ts.Check(err)
	}
	for _, h := range entries[args[0]] {
		addEntry(ts, w, h)
		if h.Size > 0 { // only a part of what it declares: enough to see who reads on
			_, err := io.CopyN(w, zeros{}, 64<<20)
			ts.Check(err)
		}
	}
	_ = w.Close() // a bomb that does not keep its promise is an error here
	ts.Check(z.Close())
	out := b.Bytes()
	switch args[0] {
	case "truncated":
		out = out[:len(out)/2]
	case "rubbish":
		out = []byte("this is no package\n")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out, 0o644))
}

func addEntry(ts *testscript.TestScript, w *tar.Writer, h tar.Header) {
	h.ModTime = time.Unix(0, 0)
	ts.Check(w.WriteHeader(&h))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
