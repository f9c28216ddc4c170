package cli

import (
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// cell is a text with the paint that goes over it once its width is known.
type cell struct {
	text  string
	paint func(string) string
}

func plain(text string) cell { return cell{text: text} }

// table lays rows out in columns, two spaces apart. Its last column is cut where
// width asks for it, and nothing trails a line.
type table struct {
	width int    // 0: as wide as it needs
	more  string // what stands where a line was cut
	rows  [][]cell
}

func newTable(width int, heads ...string) *table {
	t := &table{width: width, more: "…"}
	if len(heads) > 0 {
		t.row(heads...)
	}
	return t
}

func (t *table) row(texts ...string) {
	cells := make([]cell, len(texts))
	for i, s := range texts {
		cells[i] = plain(s)
	}
	t.add(cells...)
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	widths := t.widths()
	var b strings.Builder
	for _, row := range t.rows {
		t.line(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *table) widths() (widths []int) {
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(c.text))
		}
	}
	return widths
}

func (t *table) line(b *strings.Builder, row []cell, widths []int) {
	last := len(row) - 1
	for last >= 0 && row[last].text == "" {
		last--
	}
	at := 0
	for i, c := range row[:last+1] {
		text := c.text
		if t.width > 0 {
			text = runewidth.Truncate(text, max(t.width-at, 0), t.more)
		}
		painted := text
		if c.paint != nil {
			painted = c.paint(text)
		}
		b.WriteString(painted)
		if i < last {
			b.WriteString(strings.Repeat(" ", widths[i]-runewidth.StringWidth(text)+2))
		}
		at += widths[i] + 2
	}
	b.WriteByte('\n')
}
