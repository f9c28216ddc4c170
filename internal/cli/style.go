package cli

import "strings"

// style is how words look on one stream: with colours or without, with the
// signs of Unicode or in plain ASCII.
type style struct {
	colour bool
	ascii  bool
}

func newStyle(env Env, terminal, noColor bool) style {
	return style{
		colour: terminal && !noColor && env.Getenv("NO_COLOR") == "" && env.Getenv("TERM") != "dumb",
		ascii:  !utf8Locale(env),
	}
}

// utf8Locale tells by the first of the variables that the C library would look
// at. With none of them set, as in most containers and cron jobs, nobody has
// asked for plain ASCII, and whatever reads the output today takes UTF-8.
func utf8Locale(env Env) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

func (s style) paint(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.paint("1", text) }
func (s style) dim(text string) string    { return s.paint("2", text) }
func (s style) red(text string) string    { return s.paint("31", text) }
func (s style) green(text string) string  { return s.paint("32", text) }
func (s style) yellow(text string) string { return s.paint("33", text) }

// The signs at the head of a line of the story.
const (
	signDone     = '✓'
	signFailed   = '✗'
	signReverted = '↺'
	signPerson   = '!'
)

var plainSigns = strings.NewReplacer("✓", "ok", "✗", "!!", "↺", "<-", "→", "->", "·", "-", "…", "...", "’", "'")

// text makes a line fit for the stream: where the locale is plain ASCII the signs
// that we use ourselves become words.
func (s style) text(line string) string {
	if !s.ascii {
		return line
	}
	return plainSigns.Replace(line)
}

func (s style) ellipsis() string { return s.text("…") }

// sign is padded to the width that ASCII needs for it.
func (s style) sign(r rune) string {
	text := s.text(string(r))
	if s.ascii && len(text) == 1 {
		text += " "
	}
	switch r {
	case signDone:
		return s.green(text)
	case signFailed:
		return s.red(text)
	}
	return s.yellow(text)
}

// status colours a health status, a check's health or a service's state.
func (s style) status(status string) string { return s.paintStatus(status, status) }

// paintStatus gives a text the colour of a status.
func (s style) paintStatus(status, text string) string {
	switch status {
	case "active", "passed", "OK":
		return s.green(text)
	case "error", "blocked", "fail", "FAULT", "failed":
		return s.red(text)
	case "maintenance", "waiting", "warn", "DEGRADED", "activating":
		return s.yellow(text)
	}
	return s.dim(text)
}
