package pkginfo

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// maxScript is how much of a hook is looked at, in bytes.
const maxScript = 256 << 10

// script is a hook or a plug-in of health.d as lint sees it.
type script struct {
	file string
	text []byte
}

// scripts reads every executable that pkgd would run by itself.
func (l *linter) scripts() []script {
	hooks, _ := Hooks(l.fsys)
	var all []script
	for _, name := range hooks {
		all = l.appendScript(all, HooksDir+"/"+name)
	}
	for _, name := range HealthPlugins(l.fsys) {
		all = l.appendScript(all, HealthDir+"/"+name)
	}
	return all
}

func (l *linter) appendScript(all []script, file string) []script {
	f, err := l.fsys.Open(file)
	if err != nil {
		return all
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxScript))
	if err != nil {
		return all
	}
	return append(all, script{file: file, text: text})
}

// readable tells a script from a program.
func (s script) readable() bool { return bytes.HasPrefix(s.text, []byte("#!")) }

// lines gives the lines of a script that are no comments, each with its number.
func (s script) lines(each func(number int, line string)) {
	if !s.readable() {
		return
	}
	number := 0
	for line := range strings.Lines(string(s.text)) {
		number++
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			each(number, line)
		}
	}
}

// firstMatch finds the first line that is no comment and matches.
func (s script) firstMatch(pattern *regexp.Regexp) (where, match string) {
	s.lines(func(number int, line string) {
		if m := pattern.FindString(line); m != "" && where == "" {
			where, match = fmt.Sprintf("%s:%d", s.file, number), strings.TrimSpace(m)
		}
	})
	return where, match
}

func (l *linter) hookShebang() {
	for _, s := range l.scripts() {
		interpreter, _, _ := bytes.Cut(bytes.TrimPrefix(s.text, []byte("#!")), []byte("\n"))
		switch {
		case len(s.text) == 0:
			l.find(s.file, "is empty")
		case bytes.HasPrefix(s.text, []byte("\x7fELF")):
		case !s.readable():
			l.find(s.file, "is neither a program nor begins with #!")
		case len(bytes.TrimSpace(interpreter)) == 0:
			l.find(s.file+":1", "names no interpreter after #!")
		}
	}
}

func (l *linter) hookLineEnding() {
	for _, s := range l.scripts() {
		first, _, _ := bytes.Cut(s.text, []byte("\n"))
		if s.readable() && bytes.HasSuffix(first, []byte("\r")) {
			l.find(s.file+":1", "ends in CR LF")
		}
	}
}

func (l *linter) hookUnknown() {
	entries, err := fs.ReadDir(l.fsys, HooksDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if slices.Contains(HookNames(), e.Name()) {
			continue
		}
		text := "is not a hook that pkgd runs"
		if near := Nearest(e.Name(), HookNames()); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		l.find(HooksDir+"/"+e.Name(), "%s", text)
	}
}

func (l *linter) pluginNotExecutable() {
	entries, err := fs.ReadDir(l.fsys, HealthDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if file := HealthDir + "/" + e.Name(); !runnable(l.fsys, file) {
			l.find(file, "is not an executable file: chmod +x %s", file)
		}
	}
}

var (
	sets   = pattern(`\bset-(health|status)\b`)
	sudo   = pattern(`(^|[;&|(]|\s)sudo(\s|$)`)
	remote = pattern(`\bhttps?://(\[[0-9a-fA-F:]+\]|[^/\s"':$]+)`)
	local  = pattern(`^https?://(localhost|127\.[0-9.]+|\[::1?\]|0\.0\.0\.0)$`)
)

// neverWaiting looks at scripts only, and only at those that set a status by
// themselves: what a roll-up or an exit status says is no verdict at once.
func (l *linter) neverWaiting() {
	if len(l.info.Services) == 0 {
		return
	}
	for _, s := range l.scripts() {
		if s.file != HooksDir+"/"+CheckHealth || bytes.Contains(s.text, []byte("waiting")) {
			continue
		}
		if where, _ := s.firstMatch(sets()); where != "" {
			l.find(where, "sets a status, and nothing in the hook says waiting")
		}
	}
}

func (l *linter) usesSudo() {
	for _, s := range l.scripts() {
		if where, _ := s.firstMatch(sudo()); where != "" {
			l.find(where, "calls sudo")
		}
	}
}

func (l *linter) networkInCheck() {
	for _, s := range l.scripts() {
		if s.file != HooksDir+"/"+CheckHealth {
			continue
		}
		s.lines(func(number int, line string) {
			for _, url := range remote().FindAllString(line, -1) {
				if !local().MatchString(url) {
					l.find(fmt.Sprintf("%s:%d", s.file, number), "asks %s", url)
				}
			}
		})
	}
}
