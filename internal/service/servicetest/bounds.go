package servicetest

import (
	"os"
	"path/filepath"
	"strings"

	"pkgd.io/pkgd/internal/service"
)

// bounds is about what a service gets, and what it may not reach.
var bounds = []scenario{
	{"a service has its environment, its cookie, its folder and nothing else", serviceHasItsOwn},
	{"a command's words arrive as they are", wordsArrive},
	{"a service cannot gain privileges and is the first to go when memory ends", serviceIsBounded},
	{"a confined service writes to its own data only and reads no other's", serviceIsConfined},
	{"a service without confinement reads what the system lets it", serviceIsFree},
}

func serviceHasItsOwn(h *house) {
	u := h.unit("a", say("$PKG_COOKIE $SNAP_COOKIE $SNAP_CONTEXT $FOO $SECRET $(pwd) $(readlink /proc/self/fd/0) $(ls /proc/self/fd | tr '\n' ,)")+"; exec sleep 1000")
	u.Cookie = "c00k1e"
	u.Env = append(u.Env, `FOO=$BAR "quoted" 100% \x`)
	h.t.Setenv("SECRET", "inherited")
	h.start(u)
	h.said.want(`c00k1e c00k1e c00k1e $BAR "quoted" 100% \x  ` + u.Dir + " /dev/null 0,1,2,3,") // 3 is the folder that ls reads
}

func wordsArrive(h *house) {
	words := []string{"100%", "%n", "$HOME", "${HOME}", `"quoted" 'twice'`, `back\slash \n`, "tab\there", "a;b|c&d", "", " blank ", "ä€😀"}
	u := h.unit("a", `for w in "$@"; do printf '[%s]\n' "$w" >>$J; done; exec sleep 1000`)
	u.Command = append(append(u.Command, "sh"), words...)
	h.start(u)
	for _, w := range words {
		h.said.want("[" + w + "]")
	}
}

func serviceIsBounded(h *house) {
	// The score may arrive just after the start.
	h.start(h.unit("a", "until [ $(cat /proc/self/oom_score_adj) -gt 0 ]; do :; done; "+say("$(grep -c '^NoNewPrivs:.*1' /proc/self/status) $(($(cat /proc/self/oom_score_adj) > 0))")+"; exec sleep 1000"))
	h.said.want("1 1")
}

// tryFiles says of each path whether it can be read and written.
const tryFiles = `for f in "$@"; do
	r=no w=no
	head -c1 "$f" >/dev/null 2>&1 && r=yes
	{ echo x >>"$f"; } 2>/dev/null && w=yes
	echo "${f##*/} read $r write $w" >>$J
done; exec sleep 1000`

func (h *house) files(u service.Unit) []string {
	other := h.furnish("other", 1)
	files := []string{
		filepath.Join(u.Confine.Data, "own"),
		filepath.Join(u.Confine.Common, "common"),
		filepath.Join(u.Confine.Tmp, "tmp"),
		filepath.Join(u.Confine.Root, "tree"),
		filepath.Join(other.Data, "other"),
		h.dirs.State(),
	}
	for _, f := range files {
		must(h.t, os.WriteFile(f, []byte("x"), 0o644))
	}
	return files
}

func serviceIsConfined(h *house) {
	u := h.unit("a", tryFiles)
	u.Command = append(append(u.Command, "sh"), h.files(u)...)
	h.start(u)
	h.said.want(
		"own read yes write yes", "common read yes write yes", "tmp read yes write yes",
		"tree read yes write no", "other read no write no", "state.db read no write no",
	)
}

func serviceIsFree(h *house) {
	u := h.unit("a", tryFiles)
	u.Command = append(append(u.Command, "sh"), h.files(u)...)
	u.Confine.None = true
	h.start(u)
	for range 6 {
		if line := h.said.next(); !strings.Contains(line, "read yes") {
			h.t.Error(line)
		}
	}
}
