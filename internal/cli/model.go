package cli

import (
	"context"
	"errors"
	"strings"

	flags "github.com/jessevdk/go-flags"
)

// command is one word of the command line: how it is called, what explains it,
// and what runs it.
type command struct {
	name     string
	short    string    // one line, no full stop
	long     string    // paragraphs, separated by empty lines
	examples []example // each a line to type
	runner   runner    // a pointer to a struct with go-flags' tags
	sub      []*command
	hidden   bool
	plugin   bool // exits as monitoring plug-ins do: 3 for usage and errors
	raw      bool // everything after the first argument belongs to somebody else

	path  string         // all words after pkgd, set by the model
	flags *flags.Command // the same as go-flags knows it, set by the model
}

type example struct{ line, what string }

// runner does what a command is for. rest holds arguments beyond those that the
// struct declares; only raw commands get any.
type runner interface {
	run(ctx context.Context, a *app, rest []string) error
}

// section is a group of commands under one heading of the help.
type section struct {
	title    string
	commands []*command
}

// globals are the options that every command takes, anywhere on the line.
type globals struct {
	Format  string `long:"format" value-name:"FORMAT" choice:"text" choice:"json" choice:"yaml" default:"text" description:"How to print the answer: text, json or yaml"`
	Root    string `long:"root" value-name:"DIR" description:"Keep all state under DIR and talk to the daemon that does (default /, or $PKGD_ROOT)"`
	NoColor bool   `long:"no-color" description:"No colours; $NO_COLOR does the same"`
	Help    bool   `short:"h" long:"help" description:"Explain the command"`
	Version bool   `long:"version" hidden:"yes" description:"Print pkgd's version"`
}

// sections is the whole command line, in the order of the help.
func sections() []section {
	return []section{
		{"Packages", []*command{
			installCommand(), refreshCommand(), revertCommand(), removeCommand(),
			listCommand(), infoCommand(), holdCommand(), unholdCommand(), dataCommand(),
		}},
		{"Health", []*command{healthCommand(), checkCommand(), whyCommand()}},
		{"Configuration, services and apps", []*command{
			getCommand(), setCommand(), unsetCommand(),
			servicesCommand(), startCommand(), stopCommand(), restartCommand(), logsCommand(), execCommand(),
		}},
		{"Work in progress", []*command{
			changesCommand(), tasksCommand(), watchCommand(), abortCommand(),
			warningsCommand(), okayCommand(),
		}},
		{"Making packages", []*command{initCommand(), packCommand(), tryCommand(), lintCommand()}},
		{"pkgd itself", []*command{
			runCommand(), demoCommand(), debugCommand(), completionCommand(),
			versionCommand(), helpCommand(),
		}},
	}
}

// model is the command line as go-flags knows it, with the way back to our
// commands.
type model struct {
	parser   *flags.Parser
	globals  *globals
	sections []section
	commands map[*flags.Command]*command
}

func newModel() (*model, error) {
	m := &model{
		parser:   flags.NewNamedParser("pkgd", flags.PassDoubleDash),
		globals:  &globals{},
		sections: sections(),
		commands: map[*flags.Command]*command{},
	}
	if _, err := m.parser.AddGroup("Global options", "", m.globals); err != nil {
		return nil, err
	}
	for _, s := range m.sections {
		for _, c := range s.commands {
			if err := m.add(m.parser.Command, "", c); err != nil {
				return nil, err
			}
		}
	}
	return m, nil
}

func (m *model) add(parent *flags.Command, path string, c *command) error {
	var data any = &struct{}{}
	if c.runner != nil {
		data = c.runner
	}
	fc, err := parent.AddCommand(c.name, c.short, c.long, data)
	if err != nil {
		return err
	}
	fc.Hidden = c.hidden
	fc.PassAfterNonOption = c.raw
	c.path, c.flags = strings.TrimSpace(path+" "+c.name), fc
	m.commands[fc] = c
	for _, s := range c.sub {
		if err := m.add(fc, c.path, s); err != nil {
			return err
		}
	}
	return nil
}

// active is the innermost command that was named, nil for none.
func (m *model) active() *command {
	fc := m.parser.Active
	for fc != nil && fc.Active != nil {
		fc = fc.Active
	}
	return m.commands[fc]
}

// meant is the command of a line whose wrong option came before it, or nil: how a
// command ends for wrong usage is its own affair, wherever the mistake stands.
func (m *model) meant(args []string, wrong error) *command {
	var fe *flags.Error
	if errors.As(wrong, &fe) && fe.Type == flags.ErrUnknownCommand {
		return nil
	}
	for _, word := range args {
		if c := m.find([]string{word}); c != nil {
			return c
		}
	}
	return nil
}

// find gives the command with these words, or nil.
func (m *model) find(words []string) *command {
	fc := m.parser.Command
	for _, w := range words {
		if fc = fc.Find(w); fc == nil {
			return nil
		}
	}
	return m.commands[fc]
}
