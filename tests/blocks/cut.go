package blocks

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
)

// Whole is how many bytes a disk writes whole or not at all, where they are
// aligned to it.
const Whole = 4096

// pieces are the writes, each cut into what a disk writes whole.
func (w Window) pieces() (all []Piece) {
	for _, p := range w.Writes {
		for len(p.Data) > 0 {
			n := min(Whole-p.At%Whole, int64(len(p.Data)))
			all = append(all, Piece{p.At, p.Data[:n]})
			p = Piece{p.At + n, p.Data[n:]}
		}
	}
	return all
}

// ways are how much of a window is kept; each has found what the others find
// seldom.
var ways = []func(rnd *rand.Rand, n int) (keep func(i int) bool){
	func(rnd *rand.Rand, _ int) func(int) bool { return func(int) bool { return rnd.IntN(2) == 0 } },
	func(rnd *rand.Rand, _ int) func(int) bool { return func(int) bool { return rnd.IntN(8) != 0 } },
	func(rnd *rand.Rand, n int) func(int) bool {
		lost := rnd.IntN(n)
		return func(i int) bool { return i != lost }
	},
	func(rnd *rand.Rand, n int) func(int) bool {
		only := rnd.IntN(n)
		return func(i int) bool { return i == only }
	},
	func(rnd *rand.Rand, n int) func(int) bool {
		from := rnd.IntN(n)
		return func(i int) bool { return i >= from }
	},
}

// Parts gives at most n different parts of what was written in a window, of
// which each is what a disk might have got to when the power went. That it got
// to nothing or to all of it is a flush's own business, and none of them.
func (w Window) Parts(rnd *rand.Rand, n int) (parts [][]Piece) {
	all := w.pieces()
	if len(all) < 2 {
		return nil
	}
	seen := map[string]bool{strings.Repeat("0", len(all)): true, strings.Repeat("1", len(all)): true}
	for tries := 0; len(parts) < n && tries < 8*n; tries++ {
		keep := ways[rnd.IntN(len(ways))](rnd, len(all))
		part, which := chosen(all, keep)
		if !seen[which] {
			seen[which] = true
			parts = append(parts, part)
		}
	}
	return parts
}

// chosen gives the pieces to keep, and which these are: a 0 or 1 for each.
func chosen(all []Piece, keep func(i int) bool) (part []Piece, which string) {
	b := bytes.Repeat([]byte{'0'}, len(all))
	for i, p := range all {
		if keep(i) {
			part = append(part, p)
			b[i] = '1'
		}
	}
	return part, string(b)
}

// Write puts pieces onto a disk.
func Write(disk io.WriterAt, pieces []Piece) error {
	for _, p := range pieces {
		if _, err := disk.WriteAt(p.Data, p.At); err != nil {
			return err
		}
	}
	return nil
}
