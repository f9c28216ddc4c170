package main

// measureParts has the benchmarks of single rooms take turns: what is held here
// is easier to find than in the daemon as a whole.
func measureParts(b *bench) ([]*figure, error) {
	const rounds, runs, calls = 7, 100, 100
	runner := &figure{
		name: "hookrunner-own-cpu", what: "runner's own CPU in a run at rest, without ctl", unit: "µs",
		baseline: "os/exec with a pipe on a confined thread", goal: timesAtMost(1.3),
	}
	ctl := &figure{
		name: "ctl-call", what: "one ctl set-health", unit: "µs",
		baseline: "smallest Go client of a unix socket", goal: timesAtMost(1.5),
	}
	hooks, err := b.buildSuite("hookrunner")
	if err != nil {
		return nil, err
	}
	client, err := b.buildSuite("cmd/ctl")
	if err != nil {
		return nil, err
	}
	for range rounds {
		run, err := hooks.run("BenchmarkRunBesideBareExec", runs)
		if err != nil {
			return nil, err
		}
		runner.add(run["run-µs"], run["bare-µs"])
		call, err := client.run("BenchmarkCtl", calls)
		if err != nil {
			return nil, err
		}
		ctl.add(call["ctl-µs"], call["minimal-µs"])
	}
	return []*figure{runner, ctl}, nil
}
