package cli

import (
	"fmt"
	"strings"
)

// fields are lines of a name and a text, the texts below each other. A field
// without a text is left out; the lines of one with many stay in its column.
type fields struct {
	app   *app
	names []string
	texts []string
}

func (a *app) fields() *fields { return &fields{app: a} }

func (f *fields) add(name, text string) {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return
	}
	f.names = append(f.names, name)
	f.texts = append(f.texts, text)
}

func (f *fields) write() error {
	width := 0
	for _, n := range f.names {
		width = max(width, len(n))
	}
	for i, name := range f.names {
		head := f.app.out.dim(fmt.Sprintf("%-*s", width, name))
		for line := range strings.Lines(f.texts[i]) {
			text := strings.TrimRight(line, "\n")
			if _, err := fmt.Fprintln(f.app.env.Stdout, strings.TrimRight(head+"  "+text, " ")); err != nil {
				return err
			}
			head = strings.Repeat(" ", width)
		}
	}
	return nil
}
