package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// suite is the test binary of a package that has benchmarks.
type suite struct{ path, dir string }

// buildSuite compiles a package's tests; pkg is a path below the module.
func (b *bench) buildSuite(pkg string) (suite, error) {
	dir, err := goList("-f", "{{.Dir}}", "pkgd.io/pkgd/"+pkg)
	if err != nil {
		return suite{}, err
	}
	s := suite{filepath.Join(b.work, strings.ReplaceAll(pkg, "/", "-")+".test"), dir}
	if out, err := exec.Command("go", "test", "-c", "-o", s.path, "pkgd.io/pkgd/"+pkg).CombinedOutput(); err != nil {
		return suite{}, fmt.Errorf("cannot build the benchmarks of %s: %w\n%s", pkg, err, out)
	}
	return s, nil
}

func goList(args ...string) (string, error) {
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}

// run runs one benchmark n times and gives what it reports, by unit.
func (s suite) run(name string, n int) (map[string]float64, error) {
	var pattern []string
	for part := range strings.SplitSeq(name, "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.Command(s.path, "-test.run", "^$", "-test.bench", strings.Join(pattern, "/"), "-test.benchtime", strconv.Itoa(n)+"x")
	cmd.Dir, cmd.Stderr = s.dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return reported(name, string(out))
}

// reported reads the one result in the output of a benchmark.
func reported(name, out string) (map[string]float64, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		values := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s reports %q: %w", name, line, err)
			}
			values[fields[i+1]] = v
		}
		return values, nil
	}
	return nil, fmt.Errorf("%s reports nothing:\n%s", name, out)
}

// measureEngine has the engine's own benchmarks take turns.
func measureEngine(b *bench) ([]*figure, error) {
	const rounds, commits, tasks = 7, 300, 100
	checkpoint := &figure{
		name: "checkpoint/old=10000", what: "checkpoint of one changed task, 10,000 old ones", unit: "µs",
		baseline: "the same with 100 old ones", goal: timesAtMost(1.2),
	}
	perTask := &figure{name: "commits-per-task", what: "durable commits of a task from do to done", unit: "times", goal: atMost(3)}
	s, err := b.buildSuite("overlord/state")
	if err != nil {
		return nil, err
	}
	for range rounds {
		few, err := s.run("BenchmarkCheckpoint/old=100", commits)
		if err != nil {
			return nil, err
		}
		many, err := s.run("BenchmarkCheckpoint/old=10000", commits)
		if err != nil {
			return nil, err
		}
		checkpoint.add(many["ns/op"]/1e3, few["ns/op"]/1e3)
		task, err := s.run("BenchmarkTaskDoToDone/old=100", tasks)
		if err != nil {
			return nil, err
		}
		perTask.add(task["commits/task"])
	}
	return []*figure{checkpoint, perTask}, nil
}
