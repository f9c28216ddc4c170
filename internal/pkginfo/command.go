package pkginfo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCommand is how long a command may be, in bytes.
const maxCommand = 4096

// SplitCommand cuts a manifest's command into words as a shell does, with
// quotes and backslashes, but expands nothing: no variables, no patterns, no
// pipes. The first word is the program.
func SplitCommand(line string) ([]string, error) {
	if len(line) > maxCommand {
		return nil, fmt.Errorf("the command has more than %d bytes", maxCommand)
	}
	if !utf8.ValidString(line) { // halves of a letter could meet in a word
		return nil, errors.New("the command is not valid UTF-8")
	}
	if strings.ContainsFunc(line, func(c rune) bool { return unicode.IsControl(c) && c != '\t' }) {
		return nil, errors.New("the command has control characters in it")
	}
	s := splitter{rest: line}
	for s.rest != "" {
		if err := s.step(); err != nil {
			return nil, err
		}
	}
	s.end()
	if len(s.words) == 0 || s.words[0] == "" {
		return nil, errors.New("the command is empty")
	}
	return s.words, nil
}

type splitter struct {
	rest   string
	word   strings.Builder
	inWord bool
	words  []string
}

// step reads one character, or one quoted stretch.
func (s *splitter) step() error {
	c := s.rest[0]
	s.rest = s.rest[1:]
	switch c {
	case ' ', '\t':
		s.end()
		return nil
	case '\'':
		return s.quoted()
	case '"':
		return s.doubleQuoted()
	case '\\':
		return s.escaped("")
	}
	s.put(c)
	return nil
}

func (s *splitter) put(c byte) {
	s.word.WriteByte(c)
	s.inWord = true
}

func (s *splitter) end() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.inWord = false
}

func (s *splitter) quoted() error {
	text, rest, closed := strings.Cut(s.rest, "'")
	if !closed {
		return errors.New("a ' in the command is not closed")
	}
	s.word.WriteString(text)
	s.rest, s.inWord = rest, true
	return nil
}

func (s *splitter) doubleQuoted() error {
	s.inWord = true
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch c {
		case '"':
			return nil
		case '\\':
			if err := s.escaped("\"\\$`"); err != nil {
				return err
			}
		default:
			s.put(c)
		}
	}
	return errors.New("a \" in the command is not closed")
}

// escaped takes the character after a backslash. The backslash stays when only
// some characters can be escaped here and this is none of them.
func (s *splitter) escaped(only string) error {
	if s.rest == "" {
		return errors.New("the command ends in a backslash")
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	if only != "" && strings.IndexByte(only, c) < 0 {
		s.put('\\')
	}
	s.put(c)
	return nil
}

// programFile is where a command's program lies in the package's tree, or ""
// for a program of the system.
func programFile(command string) (string, error) {
	words, err := SplitCommand(command)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(words[0], "/") {
		return "", nil
	}
	file := path.Clean(words[0])
	if !fs.ValidPath(file) || file == "." {
		return "", fmt.Errorf("program %q is outside of the package", words[0])
	}
	return file, nil
}
