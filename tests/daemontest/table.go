package daemontest

import (
	"fmt"
	"os"
	"strings"
)

// PutTable puts a table into a document, between the comments "NAME: begin" and
// "NAME: end".
func PutTable(document, name, table string) error {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table: %q … %q", document, begin, end)
	}
	return os.WriteFile(document, []byte(head+begin+table+end+tail), 0o644)
}
