package snapctl

import "strings"

// Option is a switch of a command, or takes a value.
type Option struct {
	Name     string // without dashes
	Short    string // one letter, or empty
	Value    string // what its value is called; empty for a switch
	Optional bool   // the value may be left out (then only --name=VALUE gives one)
	Repeats  bool   // may be given more than once
	Help     string // one line
}

// Command is a word that ctl understands, with what may follow it.
type Command struct {
	Name    string
	Aliases []string
	Options []Option
	Args    string // what follows, as written in the usage line
	Min     int    // how many arguments there are at least
	Max     int    // and at most; -1 is any number
	Summary string // one line
	Help    string // the rest of what there is to know
}

// Usage is the command's line of usage.
func (c Command) Usage() string {
	line := "ctl " + c.Name
	for _, o := range c.Options {
		line += " [" + o.usage() + "]"
		if o.Repeats {
			line += "…"
		}
	}
	if c.Args != "" {
		line += " " + c.Args
	}
	return line
}

func (o Option) usage() string {
	name := "--" + o.Name
	switch {
	case o.Value == "" && o.Short != "":
		return "-" + o.Short
	case o.Value == "":
		return name
	case o.Optional:
		return name + "[=" + o.Value + "]"
	}
	return name + "=" + o.Value
}

// Find gives the command of that name or alias.
func Find(name string) (Command, bool) {
	for _, c := range Commands() {
		if c.Name == name {
			return c, true
		}
		for _, alias := range c.Aliases {
			if alias == name {
				return c, true
			}
		}
	}
	return Command{}, false
}

// Help answers a line that asks for help ("help", "help get", "get --help"),
// and says whether it did. It needs no daemon, so both ends answer alike.
func Help(args []string) (text string, asked bool) {
	if len(args) == 0 {
		return "", false
	}
	if isHelp(args[0]) || args[0] == "help" {
		return helpOn(args[1:])
	}
	for _, arg := range args[1:] {
		if arg == "--" {
			break
		}
		if isHelp(arg) {
			return helpOn(args[:1])
		}
	}
	return "", false
}

func isHelp(arg string) bool { return arg == "--help" || arg == "-h" }

func helpOn(args []string) (string, bool) {
	if len(args) == 0 || isHelp(args[0]) {
		return overview(), true
	}
	c, known := Find(args[0])
	if !known || len(args) > 1 {
		return "", false
	}
	return c.help(), true
}

func overview() string {
	b := "ctl is how a package's hooks, services and apps speak with pkgd.\n\nUsage: ctl COMMAND [OPTION]… [ARGUMENT]…\n\n"
	for _, c := range Commands() {
		b += "  " + pad(c.Name, 12) + c.Summary + "\n"
	}
	return b + "\nMore on one: ctl COMMAND --help\n" +
		"Exit: 0 done, 1 refused, 2 wrong usage, 3 pkgd cannot be reached.\n"
}

func (c Command) help() string {
	b := c.Summary + "\n\nUsage: " + c.Usage() + "\n"
	if len(c.Aliases) > 0 {
		b += "Also known as: " + strings.Join(c.Aliases, ", ") + "\n"
	}
	if len(c.Options) > 0 {
		b += "\n"
	}
	for _, o := range c.Options {
		b += "  " + pad(o.long(), 20) + o.Help + "\n"
	}
	return b + "\n" + c.Help + "\n"
}

func (o Option) long() string {
	long := o
	long.Short = ""
	if o.Short != "" {
		return "-" + o.Short + ", " + long.usage()
	}
	return long.usage()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(2, width-len(s)))
}
