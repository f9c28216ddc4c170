// Package howto reads how-to pages, so that what they show is what tests run. A
// page is made of fenced blocks; one of kind console has steps, which are
// commands with what they print.
package howto

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Block is a fenced block. Its first line, a comment, names the file that it is.
type Block struct{ Kind, Name, Text string }

// Step is a command with what it prints.
type Step struct{ Command, Output string }

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// Blocks are those of a page.
func Blocks(text string) (all []Block) {
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		first, _, _ := strings.Cut(m[2], "\n")
		all = append(all, Block{Kind: m[1], Text: m[2], Name: strings.TrimSpace(strings.TrimLeft(first, "#; "))})
	}
	return all
}

// Steps are those of a block of kind console.
func (b Block) Steps() (all []Step) {
	for _, part := range strings.Split("\n"+b.Text, "\n$ ")[1:] {
		command, output, _ := strings.Cut(part, "\n")
		all = append(all, Step{command, output})
	}
	return all
}

// Read reads a page; root is the project's.
func Read(root, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs/how-to", name+".md"))
	return string(text), err
}
