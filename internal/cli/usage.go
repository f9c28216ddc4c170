package cli

import (
	"errors"
	"fmt"
	"strings"

	flags "github.com/jessevdk/go-flags"

	"pkgd.io/pkgd/internal/pkginfo"
)

// usageError says what is wrong with the command line, how the command is
// called and where to read more.
func (a *app) usageError(text string) error {
	f := &failure{code: exitUsage, text: text, next: "see: pkgd help"}
	if c := a.command; c != nil {
		f.next = "usage: " + strings.Join(c.usage(), " ") + "\nsee: pkgd help " + c.path
	}
	return f
}

// explainUsage puts an error of the parser into our words, with the nearest
// word that would have been understood.
func (a *app) explainUsage(err error) error {
	var fe *flags.Error
	if !errors.As(err, &fe) {
		return err
	}
	switch fe.Type {
	case flags.ErrUnknownCommand:
		return a.unknownCommand(quoted(fe.Message))
	case flags.ErrCommandRequired:
		return a.writeHelp(a.command)
	case flags.ErrUnknownFlag:
		return a.unknownOption(quoted(fe.Message))
	case flags.ErrRequired:
		return a.usageError("missing " + missing(fe.Message))
	}
	return a.usageError(a.optionProblem(fe))
}

// optionProblem says what is wrong with an option's value.
func (a *app) optionProblem(fe *flags.Error) string {
	switch fe.Type {
	case flags.ErrExpectedArgument:
		return fmt.Sprintf("option %q needs a value", optionOf(fe.Message))
	case flags.ErrNoArgumentForBool:
		return fmt.Sprintf("option %q takes no value", optionOf(fe.Message))
	case flags.ErrInvalidChoice:
		_, after, _ := strings.Cut(fe.Message, "option ")
		name := optionOf(after)
		return fmt.Sprintf("option %q does not take %q; known: %s", name, quoted(fe.Message), a.choices(name))
	case flags.ErrMarshal:
		_, reason, _ := strings.Cut(fe.Message, "): ")
		if strings.HasPrefix(reason, "strconv.") {
			reason = "wants a number"
		}
		return fmt.Sprintf("option %q: %s", optionOf(fe.Message), reason)
	}
	return fe.Message
}

// optionOf is the option that a message of go-flags is about: of "-w, --watch"
// the long form.
func optionOf(message string) string {
	words := strings.Split(quoted(message), ", ")
	return words[len(words)-1]
}

func (a *app) choices(option string) string {
	for _, o := range a.model.options(a.command) {
		if "--"+o.LongName == option {
			return strings.Join(o.Choices, ", ")
		}
	}
	return ""
}

func (a *app) unknownCommand(word string) error {
	what, among := "unknown command %q", a.model.parser.Commands()
	if c := a.command; c != nil {
		what, among = "unknown command %q of pkgd "+c.path, c.flags.Commands()
	}
	var names []string
	for _, c := range among {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return a.usageError(fmt.Sprintf(what, word) + didYouMean(word, "", names))
}

func (a *app) unknownOption(name string) error {
	var names []string
	for _, o := range a.model.options(a.command) {
		names = append(names, o.LongName)
	}
	dashes := "--"
	if len(name) == 1 {
		dashes = "-"
	}
	return a.usageError(fmt.Sprintf("unknown option %q", dashes+name) + didYouMean(name, "--", names))
}

func didYouMean(word, prefix string, among []string) string {
	if near := pkginfo.Nearest(word, among); near != "" {
		return fmt.Sprintf("; did you mean %q?", prefix+near)
	}
	return ""
}

// options are those of a command (nil: none) and the global ones, less hidden.
func (m *model) options(c *command) []*flags.Option {
	groups := m.parser.Groups()
	if c != nil {
		groups = append([]*flags.Group{c.flags.Group}, groups...)
		groups = append(groups, c.flags.Groups()...)
	}
	return visible(groups)
}

func visible(groups []*flags.Group) (list []*flags.Option) {
	for _, g := range groups {
		for _, o := range g.Options() {
			if !o.Hidden {
				list = append(list, o)
			}
		}
	}
	return list
}

// quoted is what a message of go-flags puts between ` and '.
func quoted(message string) string {
	_, word, _ := strings.Cut(message, "`")
	word, _, _ = strings.Cut(word, "'")
	return word
}

// missing names the arguments that a message of go-flags misses.
func missing(message string) string {
	var names []string
	for i, part := range strings.Split(message, "`") {
		if i%2 == 1 {
			name, _, _ := strings.Cut(part, " (")
			names = append(names, strings.TrimRight(name, "'"))
		}
	}
	return strings.Join(names, " and ")
}

// usage is the line that shows how a command is called, as words that must not
// be torn apart when it is wrapped.
func (c *command) usage() []string {
	words := []string{"pkgd", c.path}
	if len(c.sub) > 0 {
		words = append(words, "COMMAND")
	}
	for _, arg := range c.flags.Args() {
		words = append(words, argUsage(arg))
	}
	for _, o := range visible(append([]*flags.Group{c.flags.Group}, c.flags.Groups()...)) {
		words = append(words, "["+optionUsage(o)+"]")
	}
	if c.raw {
		words = append(words, "[--]", "[ARGUMENT...]")
	}
	return words
}

func argUsage(arg *flags.Arg) string {
	if arg.Required > 0 {
		return arg.Name
	}
	return "[" + arg.Name + "]"
}

// optionUsage is an option as it is typed: "-n N", "--format=FORMAT".
func optionUsage(o *flags.Option) string {
	if o.LongName == "" {
		return strings.TrimSpace("-" + string(o.ShortName) + " " + o.ValueName)
	}
	if o.ValueName == "" {
		return "--" + o.LongName
	}
	return "--" + o.LongName + "=" + o.ValueName
}
