package cli

import (
	"fmt"
	"io"
	"strings"
)

// helpWidth is the widest that help gets.
const helpWidth = 80

// writeHelp explains a command, or pkgd as a whole where c is nil.
func (a *app) writeHelp(c *command) error {
	a.out = newStyle(a.env, a.env.StdoutTerminal, a.model.globals.NoColor)
	h := &helpPage{w: a.env.Stdout, style: a.out, width: helpWidth}
	if w := a.env.Width(); w > 20 && w < helpWidth {
		h.width = w
	}
	if c == nil {
		h.overview(a.model)
	} else {
		h.command(c)
	}
	return h.err
}

// helpPage writes help for a terminal.
type helpPage struct {
	w     io.Writer
	style style
	width int
	err   error
}

func (h *helpPage) line(format string, args ...any) {
	if h.err == nil {
		_, h.err = fmt.Fprintln(h.w, strings.TrimRight(h.style.text(fmt.Sprintf(format, args...)), " "))
	}
}

func (h *helpPage) heading(title string) {
	h.line("")
	h.line("%s", h.style.bold(title))
}

func (h *helpPage) overview(m *model) {
	h.paragraph("pkgd " + summary + ".")
	h.line("")
	h.line("Usage: pkgd COMMAND [ARGUMENT...] [OPTION...]")
	var all []entry
	for _, s := range m.sections {
		all = append(all, commandEntries(s.commands)...)
	}
	width := termWidth(all)
	for _, s := range m.sections {
		h.heading(s.title)
		h.entries(commandEntries(s.commands), width)
	}
	h.heading("Global options")
	h.entries(optionEntries(m.options(nil)), 0)
	h.line("")
	h.line("See it work: pkgd demo · one command: pkgd help COMMAND")
}

func commandEntries(commands []*command) (list []entry) {
	for _, c := range shown(commands) {
		list = append(list, entry{c.name, c.short})
	}
	return list
}

func (h *helpPage) command(c *command) {
	h.line("%s", h.style.bold("pkgd "+c.path)+" - "+c.short)
	h.line("")
	h.wrap("Usage: ", strings.Repeat(" ", len("Usage: pkgd ")), c.usage())
	for _, p := range c.paragraphs() {
		h.line("")
		h.paragraph(p)
	}
	h.list("Commands", commandEntries(c.sub))
	h.list("Arguments", argEntries(c))
	h.list("Options", optionEntries(ownOptions(c)))
	if c.plugin {
		h.list("Exit codes", exitEntries(c))
	}
	h.examples(c.examples)
	h.line("")
	h.paragraph("Everywhere: --format=text|json|yaml, --root=DIR, --no-color; see pkgd help.")
}

func (h *helpPage) list(title string, entries []entry) {
	if len(entries) > 0 {
		h.heading(title)
		h.entries(entries, 0)
	}
}

func (h *helpPage) examples(examples []example) {
	if len(examples) == 0 {
		return
	}
	h.heading("Examples")
	var list []entry
	for _, e := range examples {
		list = append(list, entry{e.line, e.what})
	}
	h.entries(list, 0)
}

// termWidth is the width of the column of terms; long ones get a line of their own.
func termWidth(entries []entry) int {
	width := 0
	for _, e := range entries {
		if len(e.term) <= 34 {
			width = max(width, len(e.term))
		}
	}
	return width
}

func (h *helpPage) entries(entries []entry, width int) {
	if width == 0 {
		width = termWidth(entries)
	}
	indent := strings.Repeat(" ", width+4)
	for _, e := range entries {
		head := fmt.Sprintf("  %-*s  ", width, e.term)
		if len(e.term) > width {
			h.line("  %s", e.term)
			head = indent
		}
		h.wrap(head, indent, strings.Fields(e.text))
	}
}

func (h *helpPage) paragraph(text string) { h.wrap("", "", strings.Fields(text)) }

// wrap lays words out behind a head, and further lines behind an indent.
func (h *helpPage) wrap(head, indent string, words []string) {
	line, empty := head, true
	for _, w := range words {
		if !empty && len(line)+1+len(w) > h.width {
			h.line("%s", line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += w
		empty = false
	}
	if strings.TrimSpace(line) != "" {
		h.line("%s", line)
	}
}
