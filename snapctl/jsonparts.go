package snapctl

import "unicode/utf8"

// maxDepth is how deep a value that is skipped may be nested.
const maxDepth = 100

// escape reads what follows a backslash.
func (p *parser) escape() (rune, bool) {
	if p.i == len(p.b) {
		return 0, false
	}
	c := p.b[p.i]
	p.i++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		return p.unicode()
	}
	return 0, false
}

// unicode reads the four digits of \uXXXX, and the second half of a pair. A half
// without the other is the replacement character, as everywhere in Go.
func (p *parser) unicode() (rune, bool) {
	r, ok := p.hex4()
	if !ok || r < 0xd800 || r > 0xdfff {
		return r, ok
	}
	if r >= 0xdc00 || p.i+1 >= len(p.b) || p.b[p.i] != '\\' || p.b[p.i+1] != 'u' {
		return utf8.RuneError, true
	}
	back := p.i
	p.i += 2
	low, ok := p.hex4()
	if !ok {
		return 0, false
	}
	if low < 0xdc00 || low > 0xdfff {
		p.i = back
		return utf8.RuneError, true
	}
	return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, true
}

func (p *parser) hex4() (r rune, ok bool) {
	if p.i+4 > len(p.b) {
		return 0, false
	}
	for _, c := range p.b[p.i : p.i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	p.i += 4
	return r, true
}

// skip reads any value and forgets it.
func (p *parser) skip(depth int) bool {
	p.space()
	if p.i == len(p.b) || depth > maxDepth {
		return false
	}
	switch p.b[p.i] {
	case '"':
		_, ok := p.text()
		return ok
	case '{':
		return p.object(func(string) bool { return p.skip(depth + 1) })
	case '[':
		return p.array(depth + 1)
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	}
	return p.number()
}

func (p *parser) array(depth int) bool {
	p.i++
	if p.eat(']') {
		return true
	}
	for p.skip(depth) {
		if p.eat(']') {
			return true
		}
		if !p.eat(',') {
			return false
		}
	}
	return false
}

func (p *parser) word(w string) bool {
	if len(p.b)-p.i < len(w) || string(p.b[p.i:p.i+len(w)]) != w {
		return false
	}
	p.i += len(w)
	return true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (p *parser) number() bool {
	p.one('-', '-')
	if !p.one('0', '0') && p.digits() == 0 {
		return false
	}
	if p.one('.', '.') && p.digits() == 0 {
		return false
	}
	if !p.one('e', 'E') {
		return true
	}
	p.one('+', '-')
	return p.digits() > 0
}

// one takes the next byte if it is a or b.
func (p *parser) one(a, b byte) bool {
	if p.i < len(p.b) && (p.b[p.i] == a || p.b[p.i] == b) {
		p.i++
		return true
	}
	return false
}

func (p *parser) digits() (n int) {
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		p.i++
		n++
	}
	return n
}
