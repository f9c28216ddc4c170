package remote

import "bytes"

// bounded keeps the first max bytes written to it and tells when there were
// more. It does not embed the buffer, whose ReadFrom would go past the bound.
type bounded struct {
	kept bytes.Buffer
	max  int
	over func() // nil: nobody minds
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.max - b.kept.Len(); n > room {
		p = p[:room]
		if b.over != nil {
			b.over()
		}
	}
	b.kept.Write(p)
	return n, nil
}
