package ctlcmd

import (
	"strings"

	"pkgd.io/pkgd/internal/pkginfo"
	"pkgd.io/pkgd/snapctl"
)

// line is what a caller said: a command, its options and its arguments.
type line struct {
	command snapctl.Command
	options map[string][]string // by long name; a switch has one empty value
	args    []string
}

func (l line) has(option string) bool { return len(l.options[option]) > 0 }

// value is the last one given for an option, empty if there is none.
func (l line) value(option string) string {
	values := l.options[option]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// arg is the nth argument, empty if it was left out.
func (l line) arg(n int) string {
	if n < len(l.args) {
		return l.args[n]
	}
	return ""
}

// parse reads a line as snapctl does: options may stand before, between and
// after arguments, "--" ends them, -dt is -d -t, and a value follows its option
// after "=" or as the next word.
func parse(words []string) (line, error) {
	if len(words) == 0 {
		return line{}, usagef("no command given: ctl help lists them")
	}
	c, err := find(words[0])
	if err != nil {
		return line{}, err
	}
	p := &wordParser{line: line{command: c, options: map[string][]string{}}, rest: words[1:]}
	for len(p.rest) > 0 {
		if err := p.next(); err != nil {
			return line{}, err
		}
	}
	if err := p.line.count(); err != nil {
		return line{}, err
	}
	return p.line, p.line.topic()
}

// topic says whether what help is asked for is there.
func (l line) topic() error {
	if l.command.Name != "help" || len(l.args) == 0 {
		return nil
	}
	_, err := find(l.args[0])
	return err
}

func find(name string) (snapctl.Command, error) {
	c, known := snapctl.Find(name)
	if !known {
		return c, usagef("unknown command %q: %s", name, suggest(name, commandNames(), "ctl help lists them"))
	}
	return c, nil
}

// count says whether there are as many arguments as the command wants.
func (l line) count() error {
	c := l.command
	if len(l.args) < c.Min {
		return usagef("%s: missing argument; usage: %s", c.Name, c.Usage())
	}
	if c.Max >= 0 && len(l.args) > c.Max {
		return usagef("%s: surplus argument %q (quote what belongs together); usage: %s", c.Name, l.args[c.Max], c.Usage())
	}
	return nil
}

type wordParser struct {
	line line
	rest []string
}

func (p *wordParser) pop() string {
	word := p.rest[0]
	p.rest = p.rest[1:]
	return word
}

func (p *wordParser) next() error {
	word := p.pop()
	switch {
	case word == "--":
		p.line.args = append(p.line.args, p.rest...)
		p.rest = nil
		return nil
	case strings.HasPrefix(word, "--"):
		name, value, given := strings.Cut(word[2:], "=")
		return p.long(name, value, given)
	case len(word) > 1 && word[0] == '-':
		return p.short(word[1:])
	}
	p.line.args = append(p.line.args, word)
	return nil
}

func (p *wordParser) long(name, value string, given bool) error {
	for _, o := range p.line.command.Options {
		if o.Name == name {
			return p.option(o, value, given)
		}
	}
	return p.unknown("--" + name)
}

func (p *wordParser) option(o snapctl.Option, value string, given bool) error {
	if o.Value == "" && given {
		return usagef("%s: option --%s takes no value", p.line.command.Name, o.Name)
	}
	if o.Value != "" && !given && !o.Optional {
		if len(p.rest) == 0 {
			return usagef("%s: option --%s needs a value: --%s=%s", p.line.command.Name, o.Name, o.Name, o.Value)
		}
		value = p.pop()
	}
	if p.line.has(o.Name) && !o.Repeats && o.Value != "" {
		return usagef("%s: option --%s is given twice", p.line.command.Name, o.Name)
	}
	p.line.options[o.Name] = append(p.line.options[o.Name], value)
	return nil
}

// short reads letters after one dash; none of them takes a value.
func (p *wordParser) short(letters string) error {
	for _, letter := range letters {
		o, known := p.line.shortOption(string(letter))
		if !known {
			return p.unknown("-" + letters)
		}
		if err := p.option(o, "", false); err != nil {
			return err
		}
	}
	return nil
}

func (p *wordParser) unknown(option string) error {
	name := p.line.command.Name
	otherwise := "ctl " + name + " --help lists them; put -- before an argument that begins with a dash"
	return usagef("%s: unknown option %q: %s", name, option, suggest(option, p.line.optionNames(), otherwise))
}

func (l line) shortOption(letter string) (snapctl.Option, bool) {
	for _, o := range l.command.Options {
		if o.Short == letter {
			return o, true
		}
	}
	return snapctl.Option{}, false
}

func (l line) optionNames() (names []string) {
	for _, o := range l.command.Options {
		names = append(names, "--"+o.Name)
	}
	return names
}

func commandNames() (names []string) {
	for _, c := range snapctl.Commands() {
		names = append(append(names, c.Name), c.Aliases...)
	}
	return names
}

// suggest names the nearest known word, or says something else if none is near.
func suggest(word string, among []string, otherwise string) string {
	if near := pkginfo.Nearest(word, among); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}
