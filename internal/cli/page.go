package cli

import (
	"strings"

	flags "github.com/jessevdk/go-flags"
)

// summary is what pkgd is, in one line.
const summary = "keeps the software of a host up to date, and takes a bad update back"

// entry is a line of a list in a page: what to type and what it means.
type entry struct{ term, text string }

// argEntries explains the arguments of a command.
func argEntries(c *command) (list []entry) {
	for _, arg := range c.flags.Args() {
		list = append(list, entry{arg.Name, arg.Description})
	}
	return list
}

// ownOptions are those that only this command has.
func ownOptions(c *command) []*flags.Option {
	return visible(append([]*flags.Group{c.flags.Group}, c.flags.Groups()...))
}

func optionEntries(options []*flags.Option) (list []entry) {
	for _, o := range options {
		list = append(list, entry{optionTerm(o), o.Description})
	}
	return list
}

// optionTerm is an option with its short form: "-w, --watch".
func optionTerm(o *flags.Option) string {
	if o.ShortName != 0 && o.LongName != "" {
		return "-" + string(o.ShortName) + ", " + optionUsage(o)
	}
	return optionUsage(o)
}

// shown are the commands that are not hidden.
func shown(commands []*command) (list []*command) {
	for _, c := range commands {
		if !c.hidden {
			list = append(list, c)
		}
	}
	return list
}

// every command that is not hidden, subcommands after their parents.
func (m *model) every() (list []*command) {
	for _, s := range m.sections {
		for _, c := range shown(s.commands) {
			list = append(list, c)
			list = append(list, shown(c.sub)...)
		}
	}
	return list
}

// paragraphs are the long description's, each on one line.
func (c *command) paragraphs() []string {
	var list []string
	for p := range strings.SplitSeq(c.long, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// exitEntries explain how a command exits.
func exitEntries(c *command) []entry {
	if c != nil && c.plugin {
		return []entry{
			{"0", "OK"},
			{"1", "DEGRADED"},
			{"2", "FAULT"},
			{"3", "UNKNOWN, an error, or wrong usage"},
		}
	}
	return []entry{
		{"0", "done"},
		{"1", "failed"},
		{"2", "wrong usage"},
		{"10", "refreshed, and reverted because of health"},
		{"11", "kept, but wants a person"},
	}
}

// environmentEntries explain the variables that pkgd reads.
func environmentEntries() []entry {
	return []entry{
		{"PKGD_ROOT", "as --root, which wins"},
		{"NO_COLOR", "as --no-color"},
		{"LC_ALL, LC_CTYPE, LANG", "the first that is set decides between the signs of Unicode and plain ASCII; none: Unicode"},
	}
}
