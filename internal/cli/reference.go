package cli

import (
	"fmt"
	"io"
	"strings"
)

// reference writes the page docs/reference/cli.md.
func reference(w io.Writer, m *model) error {
	p := &markdown{w: w}
	p.put("# Command line\n")
	p.put("<!-- made by: pkgd debug reference -->\n")
	p.put("`pkgd` %s. The answer goes to stdout, the story to stderr. Global options may stand anywhere on the line.\n", summary)
	p.list("Global options", optionEntries(m.options(nil)))
	p.list("Exit codes", exitEntries(nil))
	p.put("Of several packages the exit code is the first of 1, 10, 11, 0. `pkgd health` and `pkgd check` exit as monitoring plug-ins do, see there.\n")
	p.list("Environment", environmentEntries())
	for _, s := range m.sections {
		p.put("## %s\n", s.title)
		for _, c := range shown(s.commands) {
			p.command(c)
			for _, sub := range shown(c.sub) {
				p.command(sub)
			}
		}
	}
	return p.err
}

type markdown struct {
	w   io.Writer
	err error
}

func (p *markdown) put(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *markdown) command(c *command) {
	p.put("### pkgd %s\n", c.path)
	p.put("%s.\n", c.short)
	p.put("```\n%s\n```\n", strings.Join(c.usage(), " "))
	for _, text := range c.paragraphs() {
		p.put("%s\n", escaped(text))
	}
	p.rows(argEntries(c))
	p.rows(optionEntries(ownOptions(c)))
	if c.plugin {
		p.rows(exitEntries(c))
	}
	if len(c.examples) == 0 {
		return
	}
	p.put("```")
	for _, e := range c.examples {
		p.put("%s", exampleLine(e))
	}
	p.put("```\n")
}

func exampleLine(e example) string {
	if e.what == "" {
		return e.line
	}
	return e.line + "   # " + e.what
}

func (p *markdown) list(title string, entries []entry) {
	p.put("## %s\n", title)
	p.rows(entries)
}

func (p *markdown) rows(entries []entry) {
	for _, e := range entries {
		p.put("- `%s`: %s", e.term, escaped(e.text))
	}
	if len(entries) > 0 {
		p.put("")
	}
}

// escaped keeps what we write in capitals or with brackets from being read as
// markup.
func escaped(text string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "[", `\[`).Replace(text)
}
