package cli

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	flags "github.com/jessevdk/go-flags"

	"pkgd.io/pkgd/internal/dirs"
)

// candidate is one way to go on with a command line.
type candidate struct{ word, text string }

// What a shell is asked to add by itself.
const (
	completeFiles = ":files"
	completeDirs  = ":dirs"
)

// completion finds out where on the command line the cursor stands.
type completion struct {
	app     *app
	command *command       // that has been named, nil for none yet
	fc      *flags.Command // the same, or the parser itself
	args    []string       // arguments before the cursor
	pending *flags.Option  // option whose value is due
	root    string
	ended   bool // by --
}

// complete gives the candidates for the last of the words after "pkgd".
func (a *app) complete(ctx context.Context, words []string) []candidate {
	c := &completion{app: a, fc: a.model.parser.Command}
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	for _, w := range words[:last] {
		c.pass(w)
	}
	var found []candidate
	for _, cand := range c.candidates(ctx, words[last]) {
		if strings.HasPrefix(cand.word, words[last]) || strings.HasPrefix(cand.word, ":") {
			found = append(found, cand)
		}
	}
	return found
}

// pass takes in a word before the cursor.
func (c *completion) pass(word string) {
	switch {
	case c.pending != nil:
		c.value(c.pending, word)
		c.pending = nil
	case c.ended:
		c.args = append(c.args, word)
	case word == "--":
		c.ended = true
	case strings.HasPrefix(word, "-") && word != "-":
		c.option(word)
	case len(c.args) == 0 && c.fc.Find(word) != nil:
		c.fc = c.fc.Find(word)
		c.command = c.app.model.commands[c.fc]
	default:
		c.args = append(c.args, word)
	}
}

func (c *completion) option(word string) {
	name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, o := range c.app.model.options(c.command) {
		if o.LongName != name && string(o.ShortName) != name {
			continue
		}
		if given {
			c.value(o, value)
		} else if takesValue(o) {
			c.pending = o
		}
	}
}

func (c *completion) value(o *flags.Option, value string) {
	if o.LongName == "root" {
		c.root = value
	}
}

func takesValue(o *flags.Option) bool { return o.Field().Type.Kind() != reflect.Bool }

func (c *completion) candidates(ctx context.Context, word string) []candidate {
	if c.pending != nil {
		return values(c.pending, "")
	}
	if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(word, "--") {
		for _, o := range c.app.model.options(c.command) {
			if "--"+o.LongName == name {
				return values(o, name+"=")
			}
		}
		return nil
	}
	switch {
	case strings.HasPrefix(word, "-") && !c.ended:
		return c.optionCandidates()
	case len(c.fc.Commands()) > 0:
		return commandCandidates(c.fc)
	}
	return c.argument(ctx)
}

func (c *completion) optionCandidates() (list []candidate) {
	for _, o := range c.app.model.options(c.command) {
		if o.LongName == "" {
			continue
		}
		word := "--" + o.LongName
		if takesValue(o) {
			word += "="
		}
		list = append(list, candidate{word, o.Description})
	}
	return list
}

func commandCandidates(fc *flags.Command) (list []candidate) {
	for _, sub := range fc.Commands() {
		if !sub.Hidden {
			list = append(list, candidate{sub.Name, sub.ShortDescription})
		}
	}
	return list
}

// values are what an option may be set to.
func values(o *flags.Option, prefix string) (list []candidate) {
	for _, v := range o.Choices {
		list = append(list, candidate{prefix + v, ""})
	}
	switch o.ValueName {
	case "DIR":
		return []candidate{{completeDirs, ""}}
	case "FILE":
		return []candidate{{completeFiles, ""}}
	}
	return list
}

// argument gives what may stand at the cursor, by the name that the argument has
// in the help: NAME is a package, PATH a file, and so on.
func (c *completion) argument(ctx context.Context) (list []candidate) {
	args := c.fc.Args()
	if len(args) == 0 {
		return nil
	}
	name := args[min(len(c.args), len(args)-1)].Name
	if len(c.args) >= len(args) && !strings.HasSuffix(name, "...") {
		return nil
	}
	for kind := range strings.SplitSeq(strings.TrimSuffix(name, "..."), "|") {
		list = append(list, c.ofKind(ctx, kind)...)
	}
	return list
}

func (c *completion) ofKind(ctx context.Context, kind string) []candidate {
	switch kind {
	case "PATH", "FILE":
		return []candidate{{completeFiles, ""}}
	case "DIR":
		return []candidate{{completeDirs, ""}}
	case "NAME":
		return c.packages(ctx)
	case "NAME[.SERVICE]":
		return append(c.packages(ctx), c.services(ctx)...)
	case "NAME.APP":
		return c.apps(ctx)
	case "ID":
		return c.changes(ctx)
	case "COMMAND":
		return c.helpWords()
	case "bash", "zsh", "fish", "restore", "drop":
		return []candidate{{kind, ""}}
	}
	return nil
}

// helpWords are the commands that help may explain after the words so far.
func (c *completion) helpWords() []candidate {
	fc := c.app.model.parser.Command
	for _, w := range c.args {
		if fc = fc.Find(w); fc == nil {
			return nil
		}
	}
	return commandCandidates(fc)
}

// ask prepares a question to the daemon. Completion must never be waited for.
func (c *completion) ask() bool {
	if c.root != "" {
		d, err := dirs.New(c.app.abs(c.root))
		if err != nil {
			return false
		}
		c.app.dirs = d
		c.app.client = c.app.newClient(d)
	}
	c.app.client.Patience = time.Millisecond
	return true
}

func (c *completion) packages(ctx context.Context) (list []candidate) {
	if !c.ask() {
		return nil
	}
	packages, _ := c.app.client.Packages(ctx) // without a daemon there are no names to give
	for _, p := range packages {
		list = append(list, candidate{p.Name, p.Version + ", " + p.Status})
	}
	return list
}

func (c *completion) services(ctx context.Context) (list []candidate) {
	services, _ := c.app.client.Services(ctx, nil)
	for _, s := range services {
		list = append(list, candidate{s.Package + "." + s.Name, s.State})
	}
	return list
}

func (c *completion) apps(ctx context.Context) (list []candidate) {
	for _, p := range c.packages(ctx) {
		info, _ := c.app.client.Package(ctx, p.word)
		for _, name := range info.Apps {
			list = append(list, candidate{p.word + "." + name, info.Summary})
		}
	}
	return list
}

func (c *completion) changes(ctx context.Context) (list []candidate) {
	if !c.ask() {
		return nil
	}
	changes, _ := c.app.client.Changes(ctx)
	for _, chg := range changes {
		list = append(list, candidate{chg.ID, chg.Summary + ", " + chg.Status})
	}
	return list
}

// printCandidates is what the shells' scripts read: a word a line, and after a
// tab what it means.
func (a *app) printCandidates(list []candidate) {
	for _, c := range list {
		fmt.Fprintf(a.env.Stdout, "%s\t%s\n", c.word, strings.ReplaceAll(c.text, "\n", " "))
	}
}
