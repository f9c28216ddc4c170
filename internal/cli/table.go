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

// narrow is the width below which no column is cut for the sake of the last one.
const narrow = 12

// table lays rows out in columns, two spaces apart. Where width asks for it its
// last column is cut, and before that the widest of the others, until the last
// has a third of the width; nothing trails a line.
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
	if t.width > 0 && len(widths) > 1 {
		t.fit(widths[:len(widths)-1], min(widths[len(widths)-1], t.width/3))
	}
	return widths
}

// fit narrows columns until so much is left of the table's width.
func (t *table) fit(widths []int, left int) {
	room := t.width - left - 2*len(widths)
	for _, w := range widths {
		room -= w
	}
	for ; room < 0; room++ {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= narrow {
			return
		}
		widths[widest]--
	}
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
			room := max(t.width-at, 0)
			if i < len(widths)-1 {
				room = min(room, widths[i])
			}
			text = runewidth.Truncate(text, room, t.more)
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
