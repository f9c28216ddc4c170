package snapctl

// Commands lists every command in the order in which help shows them. The
// daemon's half parses by this list and the client's half prints help from it.
func Commands() []Command {
	return []Command{
		setHealth(), addCheck(), health(),
		get(), set(), unset(),
		services(), start(), stop(), restart(),
		refresh(), version(), help(),
	}
}

func setHealth() Command {
	return Command{
		Name: "set-health", Aliases: []string{"set-status"},
		Args: "STATUS [MESSAGE]", Min: 1, Max: 2,
		Options: []Option{
			{Name: "code", Value: "CODE", Help: "a word for programs, such as disk-full"},
			{Name: "blocker", Value: "NAME", Repeats: true, Help: "what blocks this package; only with blocked"},
		},
		Summary: "Say how this package is",
		Help: `STATUS is one of
  active       it works (okay is accepted as another word for it)
  maintenance  it is busy with itself: migrating, indexing
  waiting      it needs something that will come by itself
  blocked      it needs a person
  error        it is broken
A status other than active should come with a MESSAGE of one line (what is longer
than 256 characters is cut); active takes neither message nor code. CODE begins
with lower-case letters, goes on with letters, digits and single dashes, and does
not begin with pkgd- or snapd-. In a hook the last status set counts when the hook
ends, in a service or app at once.`,
	}
}

func addCheck() Command {
	return Command{
		Name: "add-check",
		Args: "NAME passed|warn|fail [MESSAGE]", Min: 2, Max: 3,
		Options: []Option{
			{Name: "qos", Value: "0..1", Help: "how well this part serves; 1 is fully"},
			{Name: "data", Value: "KEY=VALUE", Repeats: true, Help: "a detail worth keeping, at most 16"},
		},
		Summary: "Report one part of this package's health",
		Help: `A hook may report up to 64 parts, 4 KiB each. If it sets no status itself, the
package's roll-up rule makes one of them. A part reported twice in one run of a
hook counts as the worse of the two.`,
	}
}

func health() Command {
	return Command{
		Name:    "health",
		Options: []Option{{Name: "format", Value: "text|json", Help: "how to print it (text)"}},
		Summary: "Print what pkgd holds of this package's health",
		Help: `This is the record as it stands: what a running hook sets shows here only after
the hook has ended.`,
	}
}

func get() Command {
	return Command{
		Name: "get", Args: "KEY…", Min: 1, Max: -1,
		Options: []Option{
			{Name: "document", Short: "d", Help: "print a JSON object, for one key too"},
			{Name: "typed", Short: "t", Help: "print strings in quotes, and null for an unset key"},
		},
		Summary: "Print configuration of this package",
		Help: `One key prints its value: a string bare, anything else as JSON; an unset key
prints an empty line. Several keys print a JSON object of those that are set. A
dotted key looks into an object: ports.http.`,
	}
}

func set() Command {
	return Command{
		Name: "set", Args: "KEY=VALUE…", Min: 1, Max: -1,
		Options: []Option{
			{Name: "string", Short: "s", Help: "take every VALUE as a string"},
			{Name: "typed", Short: "t", Help: "take every VALUE as JSON, and refuse what is not"},
		},
		Summary: "Change configuration of this package",
		Help: `A VALUE is taken as JSON if it is JSON, else as a string. KEY! unsets the key, and
so does null. What a hook sets takes effect when the hook succeeds, what a service
or app sets at once.`,
	}
}

func unset() Command {
	return Command{
		Name: "unset", Args: "KEY…", Min: 1, Max: -1,
		Summary: "Remove configuration of this package",
		Help:    "To unset what is not set is no error.",
	}
}

func services() Command {
	return Command{
		Name: "services", Args: "[NAME…]", Max: -1,
		Summary: "Show this package's services",
		Help:    "NAME is a service, with or without the package's name before it: daemon or web.daemon.",
	}
}

func start() Command {
	return Command{
		Name: "start", Args: "NAME…", Min: 1, Max: -1,
		Options: []Option{{Name: "enable", Help: "start it from now on whenever the host starts"}},
		Summary: "Start services of this package",
		Help:    "NAME is a service (daemon or web.daemon), or the package for all of them.",
	}
}

func stop() Command {
	return Command{
		Name: "stop", Args: "NAME…", Min: 1, Max: -1,
		Options: []Option{{Name: "disable", Help: "do not start it again when the host starts"}},
		Summary: "Stop services of this package",
		Help:    "NAME is a service (daemon or web.daemon), or the package for all of them.",
	}
}

func restart() Command {
	return Command{
		Name: "restart", Args: "NAME…", Min: 1, Max: -1,
		Summary: "Restart services of this package",
		Help:    "NAME is a service (daemon or web.daemon), or the package for all of them.",
	}
}

func refresh() Command {
	return Command{
		Name: "refresh",
		Options: []Option{
			{Name: "pending", Help: "print what an automatic refresh would bring"},
			{Name: "hold", Value: "DURATION", Optional: true, Help: "hold automatic refreshes back, at most 48h (48h)"},
			{Name: "proceed", Help: "end that hold"},
		},
		Summary: "Ask for or hold back a refresh of this package",
		Help:    "At least one option is needed. --hold and --proceed exclude each other.",
	}
}

func version() Command {
	return Command{
		Name:    "version",
		Summary: "Print pkgd's version",
		Help:    "The version is that of the daemon that answers.",
	}
}

func help() Command {
	return Command{
		Name: "help", Args: "[COMMAND]", Max: 1,
		Summary: "Explain ctl, or one command",
		Help:    "Help needs no daemon.",
	}
}
