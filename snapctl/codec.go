package snapctl

import (
	"strconv"
	"unicode/utf8"
)

// Request is what is sent: [pkgd.io/pkgd/internal/api.CtlRequest] without the
// packages that encode it in general. A fuzz test holds the two together.
type Request struct {
	Cookie string
	Args   []string
}

// Response is what comes back: [pkgd.io/pkgd/internal/api.CtlResponse].
type Response struct {
	Stdout   string
	Stderr   string
	ExitCode int
}

// MaxRequest is how large a request may be, in bytes of JSON.
const MaxRequest = 256 << 10

// appendRequest encodes r. Everything in r is valid UTF-8.
func appendRequest(b []byte, r Request) []byte {
	b = append(b, `{"cookie":`...)
	b = appendString(b, r.Cookie)
	b = append(b, `,"args":[`...)
	for i, arg := range r.Args {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, arg)
	}
	return append(b, "]}"...)
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// parseResponse decodes a response. Keys that it does not know are skipped: the
// shape grows.
func parseResponse(b []byte) (r Response, ok bool) {
	p := &parser{b: b}
	ok = p.object(func(key string) bool {
		var ok bool
		switch key {
		case "stdout":
			r.Stdout, ok = p.text()
		case "stderr":
			r.Stderr, ok = p.text()
		case "exit-code":
			r.ExitCode, ok = p.integer()
		default:
			ok = p.skip(0)
		}
		return ok
	})
	p.space()
	return r, ok && p.i == len(p.b)
}

// parser reads JSON, strictly.
type parser struct {
	b []byte
	i int
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// eat takes c, after space, if it comes next.
func (p *parser) eat(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// object reads an object and calls member with each key, to read its value.
func (p *parser) object(member func(key string) bool) bool {
	if !p.eat('{') {
		return false
	}
	if p.eat('}') {
		return true
	}
	for {
		key, ok := p.text()
		if !ok || !p.eat(':') || !member(key) {
			return false
		}
		if p.eat('}') {
			return true
		}
		if !p.eat(',') {
			return false
		}
	}
}

func (p *parser) integer() (int, bool) {
	p.space()
	start := p.i
	if !p.number() {
		return 0, false
	}
	n, err := strconv.Atoi(string(p.b[start:p.i]))
	return n, err == nil
}

// text reads a string.
func (p *parser) text() (string, bool) {
	if !p.eat('"') {
		return "", false
	}
	var out []byte
	for p.i < len(p.b) {
		c := p.b[p.i]
		p.i++
		switch {
		case c == '"':
			return string(out), true
		case c < 0x20:
			return "", false
		case c != '\\':
			out = append(out, c)
		default:
			r, ok := p.escape()
			if !ok {
				return "", false
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", false
}
