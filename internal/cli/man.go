package cli

import (
	"fmt"
	"io"
	"strings"
)

// manPage writes one page in roff: of a command, or of pkgd as a whole where c
// is nil. go-flags can do that too, but loses lines that begin with a dot and
// leaves out arguments and choices.
func manPage(w io.Writer, m *model, c *command, version string) error {
	p := &roff{w: w}
	if c == nil {
		p.head("PKGD", version)
		p.section("NAME", "pkgd - "+summary)
		p.synopsis([]string{"pkgd", "COMMAND", "[ARGUMENT...]", "[OPTION...]"})
		for _, s := range m.sections {
			p.list(strings.ToUpper(s.title), commandEntries(s.commands))
		}
		p.list("GLOBAL OPTIONS", optionEntries(m.options(nil)))
		p.list("EXIT STATUS", exitEntries(nil))
		p.list("ENVIRONMENT", environmentEntries())
		p.seeAlso(m.every())
		return p.err
	}
	p.head("PKGD-"+strings.ToUpper(strings.ReplaceAll(c.path, " ", "-")), version)
	p.section("NAME", manName(c)+" - "+strings.ToLower(c.short[:1])+c.short[1:])
	p.synopsis(c.usage())
	p.section("DESCRIPTION", c.paragraphs()...)
	p.list("COMMANDS", commandEntries(c.sub))
	p.list("ARGUMENTS", argEntries(c))
	p.list("OPTIONS", optionEntries(ownOptions(c)))
	p.list("GLOBAL OPTIONS", optionEntries(m.options(nil)))
	p.list("EXIT STATUS", exitEntries(c))
	p.examples(c.examples)
	p.section("SEE ALSO", "pkgd(1)")
	return p.err
}

func manName(c *command) string { return "pkgd-" + strings.ReplaceAll(c.path, " ", "-") }

// roff writes the man macros, and keeps the first error.
type roff struct {
	w   io.Writer
	err error
}

func (p *roff) put(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *roff) head(title, version string) {
	p.put(".TH %s 1 \"\" \"pkgd %s\" \"pkgd\"", title, version)
	p.put(".nh\n.ad l")
}

func (p *roff) section(title string, paragraphs ...string) {
	p.put(".SH %s", title)
	for i, text := range paragraphs {
		if i > 0 {
			p.put(".PP")
		}
		p.put("%s", roffText(text))
	}
}

func (p *roff) synopsis(words []string) {
	p.put(".SH SYNOPSIS")
	p.put(".B %s", roffText(words[0]))
	for _, w := range words[1:] {
		p.put("%s", strings.ReplaceAll(roffText(w), " ", `\ `))
	}
}

func (p *roff) list(title string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	p.put(".SH %s", title)
	for _, e := range entries {
		p.put(".TP\n.B %s\n%s", roffText(e.term), roffText(e.text))
	}
}

func (p *roff) examples(examples []example) {
	if len(examples) == 0 {
		return
	}
	p.put(".SH EXAMPLES")
	for _, e := range examples {
		p.put(".TP\n.B %s\n%s", roffText(e.line), roffText(e.what))
	}
}

func (p *roff) seeAlso(commands []*command) {
	var pages []string
	for _, c := range commands {
		pages = append(pages, manName(c)+"(1)")
	}
	p.section("SEE ALSO", strings.Join(pages, ", "))
}

// roffText protects what roff would take for its own: backslashes, hyphens that
// are meant as they are, and a dot or quote that begins a line.
func roffText(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "·", `\(bu`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
