package pkginfo

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"pkgd.io/pkgd/internal/strictyaml"
)

// What a service may be limited to. Less would not let a shell start.
const (
	minMemory = 1 << 20
	maxMemory = 1 << 50
	maxTasks  = 1 << 22 // the kernel's own
	maxCPU    = 100_000 // percent
)

func (r *reader) limits(n *yaml.Node, l *Limits) {
	r.Fields(n, strictyaml.Fields{
		"memory": func(n *yaml.Node) { r.size(n, &l.Memory) },
		"tasks":  func(n *yaml.Node) { r.Int(n, &l.Tasks, 1, maxTasks) },
		"cpu":    func(n *yaml.Node) { r.percent(n, &l.CPU) },
	})
}

// size reads a number of bytes with a unit.
func (r *reader) size(n *yaml.Node, to *int64) {
	size, ok := parseSize(n)
	if !ok || size < minMemory || size > maxMemory {
		r.Fail(n, []string{"a number with its unit K, M, G or T, such as 64M or 2G, from 1M to 1024T"}, "%s is not accepted here", strictyaml.Describe(n))
		return
	}
	*to = size
}

func parseSize(n *yaml.Node) (size int64, ok bool) {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		return 0, false
	}
	number, unit := n.Value[:len(n.Value)-1], n.Value[len(n.Value)-1:]
	power := strings.Index("KMGT", unit) + 1
	i, err := strconv.ParseUint(number, 10, 31)
	if power == 0 || err != nil || int64(i) > maxMemory>>(10*power) {
		return 0, false
	}
	return int64(i) << (10 * power), true
}

func (r *reader) percent(n *yaml.Node, to *int) {
	number, percent := strings.CutSuffix(n.Value, "%")
	i, err := strconv.ParseUint(number, 10, 31)
	if n.Kind != yaml.ScalarNode || !percent || err != nil || i < 1 || i > maxCPU {
		r.Fail(n, []string{"percent of one processor, such as 50% or 200%, from 1% to 100000%"}, "%s is not accepted here", strictyaml.Describe(n))
		return
	}
	*to = int(i)
}
