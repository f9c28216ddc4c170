package pkgfile_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pkgd.io/pkgd/internal/disk/disktest"
	"pkgd.io/pkgd/internal/pkgfile"
)

// refused unpacks and expects an error with want in it and nothing left behind.
func refused(t *testing.T, b []byte, l pkgfile.Limits, want string) {
	t.Helper()
	parent := disktest.Dir(t)
	_, err := pkgfile.Unpack(t.Context(), bytes.NewReader(b), filepath.Join(parent, "in", "tree"), l)
	if err == nil {
		t.Fatal("unpacked though the folder it goes to does not exist")
	}
	must(t, os.Mkdir(filepath.Join(parent, "in"), 0o755))
	_, err = pkgfile.Unpack(t.Context(), bytes.NewReader(b), filepath.Join(parent, "in", "tree"), l)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if left := list(t, parent); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnpackRefusesHostileArchives(t *testing.T) {
	setuid := header('0', "bin/su", 1)
	setuid.Mode = 0o4755
	hard := header(tar.TypeLink, "b", 0)
	hard.Linkname = "a"
	deep := strings.Repeat("d/", 70) + "f"
	for _, test := range []struct {
		name    string
		headers []*tar.Header
		want    string
	}{
		{"parent", []*tar.Header{header('0', "../evil", 1)}, "not a path inside"},
		{"parent in the middle", []*tar.Header{header('0', "a/../../evil", 1)}, "not a path inside"},
		{"absolute", []*tar.Header{header('0', "/etc/evil", 1)}, "not a path inside"},
		{"the root as a file", []*tar.Header{header('0', ".", 1)}, "not a path inside"},
		{"empty element", []*tar.Header{header('0', "a//b", 1)}, "not a path inside"},
		{"not UTF-8", []*tar.Header{header('0', "a\xff", 1)}, "not a path inside"},
		{"newline", []*tar.Header{header('0', "a\nb", 1)}, "control characters"},
		{"too long", []*tar.Header{header('0', strings.Repeat("x", 300), 1)}, "more than 255 bytes"},
		{"too long in all", []*tar.Header{header('0', strings.Repeat("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/", 40)+"x", 1)}, "more than 1024 bytes"},
		{"too deep", []*tar.Header{header('0', deep, 1)}, "deeper than"},
		{"absolute link", []*tar.Header{linkTo("a", "/etc/passwd")}, "have to be relative"},
		{"escaping link", []*tar.Header{linkTo("d/a", "../../etc")}, "leads out"},
		{"link escaping by way of another", []*tar.Header{header('5', "a/b/", 0), linkTo("a/b/up", "../.."), linkTo("evil", "a/b/up/../x")}, "leads out"},
		{"link to itself", []*tar.Header{linkTo("a", "b"), linkTo("b", "a")}, "leads to itself"},
		{"file through a link", []*tar.Header{linkTo("a", "b"), header('0', "a/x", 1)}, `"a" is a link, but "a/x" lies in it`},
		{"link where a folder is", []*tar.Header{header('0', "a/x", 1), linkTo("a", "b")}, `"a" is a folder and a link`},
		{"hard link", []*tar.Header{header('0', "a", 1), hard}, "hard link"},
		{"device", []*tar.Header{header(tar.TypeChar, "null", 0)}, "neither a file"},
		{"block device", []*tar.Header{header(tar.TypeBlock, "sda", 0)}, "neither a file"},
		{"fifo", []*tar.Header{header(tar.TypeFifo, "pipe", 0)}, "neither a file"},
		{"setuid", []*tar.Header{setuid}, "setuid"},
		{"twice", []*tar.Header{header('0', "a", 1), header('0', "./a", 1)}, `"a" is there twice`},
		{"folder twice", []*tar.Header{header('5', "a/", 0), header('5', "a/", 0)}, "twice"},
		{"file and folder", []*tar.Header{header('0', "a", 1), header('5', "a/", 0)}, `"a" is a file and a folder`},
		{"file then below it", []*tar.Header{header('0', "a", 1), header('0', "a/b", 1)}, `"a" is a file, but "a/b" lies in it`},
		{"case", []*tar.Header{header('0', "Readme", 1), header('0', "README", 1)}, "upper and lower case"},
		{"case of a folder", []*tar.Header{header('0', "Lib/a", 1), header('0', "lib/b", 1)}, "upper and lower case"},
		{"case beyond ASCII", []*tar.Header{header('0', "straẞe", 1), header('0', "straße", 1)}, "upper and lower case"},
		{"too many", manyFiles(101), "more than 100 entries"},
		{"too large", []*tar.Header{header('0', "a", 600_000), header('0', "b", 600_000)}, "more than 1000000 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused(t, compress(t, rawTar(t, test.headers...)), pkgfile.Limits{Bytes: 1_000_000, Files: 100}, test.want)
		})
	}
}

func manyFiles(n int) []*tar.Header {
	var all []*tar.Header
	for i := range n {
		all = append(all, header('0', fmt.Sprint(i), 0))
	}
	return all
}

func TestUnpackRefusesDamagedFiles(t *testing.T) {
	content := rawTar(t, header('0', "a", 10_000), header('0', "b", 512))
	whole := compress(t, content)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	huge := header('0', "a", 0)
	for name, test := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":                         {nil, "cut off"},
		"text":                          {[]byte("hello, this is no package"), "not a .pkg file"},
		"cut compressed":                {whole[:len(whole)-5], "cut off"},
		"cut in a file":                 {compress(t, content[:2000]), "cut off"},
		"cut before the end mark":       {compress(t, content[:len(content)-1024]), "cut off"},
		"cut in the end mark":           {compress(t, content[:len(content)-512]), "cut off"},
		"zeros, then cut":               {compress(t, zeroTail(t)), "cut off"},
		"only an end mark's half":       {compress(t, make([]byte, 512)), "cut off"},
		"flipped":                       {flipped, "damaged"},
		"garbage inside":                {compress(t, append(bytes.Clone(content), "more"...)), "more in the file"},
		"endless zeros":                 {compress(t, append(bytes.Clone(content), make([]byte, 3<<20)...)), "more in the file"},
		"garbage after":                 {append(bytes.Clone(whole), "more garbage"...), "not a .pkg file"},
		"a second archive":              {append(bytes.Clone(whole), whole...), "more in the file"},
		"declares more than there is":   {compress(t, declare(t, huge, 1<<40)), "more than"},
		"a header that is no header":    {compress(t, bytes.Repeat([]byte("no tar"), 1000)), "damaged"},
		"explodes beyond what it holds": {compress(t, rawTar(t, header('0', "zeros", 80<<20))), "times larger"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, test.b, pkgfile.Limits{}, test.want) })
	}
}

// zeroTail is an archive whose last file is nothing but zeros and that lacks its
// end mark: the two must not be mistaken for each other.
func zeroTail(t testing.TB) []byte {
	b := rawTar(t, header('0', "zeros", 4096))
	b = b[:512+4096]
	clear(b[512:])
	return b
}

// declare gives a header that promises size bytes, and none of them.
func declare(t testing.TB, h *tar.Header, size int64) []byte {
	var b bytes.Buffer
	h.Size = size
	must(t, tar.NewWriter(&b).WriteHeader(h))
	return b.Bytes()
}

func TestUnpackTakesWhatIsHarmless(t *testing.T) {
	global := &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "made elsewhere"}}
	xattr := header('0', "attributed", 1)
	xattr.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "y"}
	sticky := header('5', "shared/", 0)
	sticky.Mode = 0o3775
	b := compress(t, append(rawTar(t, global, header('5', "./", 0), xattr, sticky,
		header('0', "a/b/late", 1), header('5', "a/", 0), linkTo("dangling", "not/there"), linkTo("a/b/up", "../..")), make([]byte, 8192)...))
	dst := filepath.Join(disktest.Dir(t), "tree")
	_, err := pkgfile.Unpack(t.Context(), bytes.NewReader(b), dst, pkgfile.Limits{})
	must(t, err)
	got := list(t, dst)
	if got["attributed"] != "-r-xr-xr-x x" || got["shared"] != "dr-xr-xr-x " || got["dangling"] != "Lrwxrwxrwx not/there" || len(got) != 7 {
		t.Errorf("got %v", got)
	}
}

func TestDirectoriesAreHeldToTheSameRules(t *testing.T) {
	for name, make := range map[string]struct {
		files map[string]string
		also  func(dir string) error
		want  string
	}{
		"absolute link": {map[string]string{"a": "->/etc/passwd"}, nil, "have to be relative"},
		"escaping link": {map[string]string{"a/b": "->../../x"}, nil, "leads out"},
		"case":          {map[string]string{"a": "", "A": ""}, nil, "upper and lower case"},
		"fifo": {nil, func(dir string) error {
			return syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644)
		}, "neither a file"},
		"setuid": {map[string]string{"su": "#!x"}, func(dir string) error {
			return os.Chmod(filepath.Join(dir, "su"), 0o755|os.ModeSetuid)
		}, "setuid"},
		"not UTF-8": {map[string]string{"a\xff": ""}, nil, "not a path inside"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, make.files)
			if make.also != nil {
				must(t, make.also(dir))
			}
			_, digestErr := pkgfile.Digest(dir)
			_, packErr := pkgfile.Pack(dir, &bytes.Buffer{})
			_, copyErr := pkgfile.CopyTree(t.Context(), dir, filepath.Join(disktest.Dir(t), "copy"), pkgfile.Limits{})
			for _, err := range []error{digestErr, packErr, copyErr} {
				if err == nil || !strings.Contains(err.Error(), make.want) {
					t.Errorf("got %v, want %q", err, make.want)
				}
			}
		})
	}
}

func TestHardLinkedFilesOfADirectoryAreFilesOfTheirOwn(t *testing.T) {
	dir := tree(t, map[string]string{"a": "content"})
	must(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	got, err := pkgfile.Digest(dir)
	must(t, err)
	want, err := pkgfile.Digest(tree(t, map[string]string{"a": "content", "b": "content"}))
	must(t, err)
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
