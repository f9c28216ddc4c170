package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"pkgd.io/pkgd/internal/api"
	"pkgd.io/pkgd/internal/remote"
)

// hostRecord is a record with where it comes from. A host of which there is none
// has one that says why, of no package.
type hostRecord struct {
	host string
	api.Record
	rank int
}

// noPackage stands for the package where a record is about a whole host.
const noPackage = "-"

// collated is what several hosts answered, in the one order there is: worst
// first, and of what is equally bad the oldest.
type collated struct {
	api.Hosts
	groups [][]hostRecord // one a package, in the order of Packages; hosts without a record among them
	silent int            // hosts that did not answer
}

// collate puts the answers of hosts together.
func collate(answers []remote.Answer) collated {
	c := collated{Hosts: api.Hosts{Level: "OK", Counts: map[string]int{}, Packages: []api.Collated{}}}
	worst := map[string]hostRecord{} // of each host
	byName := map[string][]hostRecord{}
	for _, ans := range answers {
		report, records := understand(ans)
		c.take(report)
		slices.SortFunc(records, byNeed)
		worst[report.Host] = records[0]
		for _, r := range records {
			byName[r.Package] = append(byName[r.Package], r)
		}
	}
	slices.SortStableFunc(c.Hosts.Hosts, func(x, y api.HostReport) int {
		return cmp.Or(cmp.Compare(levelRank(x.Level), levelRank(y.Level)), byNeed(worst[x.Host], worst[y.Host]))
	})
	c.group(byName)
	return c
}

// take counts one host.
func (c *collated) take(h api.HostReport) {
	c.Hosts.Hosts = append(c.Hosts.Hosts, h)
	if !h.Answered {
		c.silent++
	}
	if levelRank(h.Level) < levelRank(c.Level) {
		c.Level = h.Level
	}
}

// group makes one row of each package out of those of all hosts.
func (c *collated) group(byName map[string][]hostRecord) {
	for _, group := range byName {
		slices.SortFunc(group, byNeed)
		c.groups = append(c.groups, group)
	}
	slices.SortFunc(c.groups, func(x, y []hostRecord) int {
		return cmp.Or(byNeed(x[0], y[0]), cmp.Compare(x[0].Package, y[0].Package))
	})
	for _, group := range c.groups {
		if group[0].Package == noPackage {
			continue
		}
		r := group[0]
		hosts := map[string]int{}
		for _, r := range group {
			hosts[r.Status]++
			c.Counts[r.Status]++
		}
		c.Packages = append(c.Packages, api.Collated{Package: r.Package, Host: r.host, Status: r.Status, Code: r.Code, Message: r.Message, Since: r.Since, Hosts: hosts})
	}
}

// levelRank orders levels, the worst first. That nothing is known of a host is
// worse than what is known not to be too bad.
func levelRank(level string) int {
	return slices.Index([]string{"FAULT", "UNKNOWN", "DEGRADED", "OK"}, level)
}

// byNeed is the one order: worst, then oldest.
func byNeed(x, y hostRecord) int {
	return cmp.Or(cmp.Compare(x.rank, y.rank), older(x.Since, y.Since), cmp.Compare(x.Package, y.Package), cmp.Compare(x.host, y.host))
}

func older(x, y *time.Time) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return 1
	case y == nil:
		return -1
	}
	return x.Compare(*y)
}

// understand reads what pkgd printed on a host. There is always a record: of a
// host without any it says why.
func understand(ans remote.Answer) (api.HostReport, []hostRecord) {
	report := api.HostReport{Host: ans.Host, Level: "UNKNOWN", Answered: ans.Err == nil, Elapsed: ans.Elapsed.Seconds()}
	level, records, ok := readReport(ans)
	if !ok {
		report.Error = harmless(whyNot(ans))
		return report, []hostRecord{{host: ans.Host, rank: rankUnknown, Record: api.Record{Package: noPackage, Status: "unknown", Message: report.Error}}}
	}
	report.Level, report.Report = level, bytes.TrimSpace(ans.Stdout)
	if len(records) == 0 {
		return report, []hostRecord{{host: ans.Host, rank: rankUncounted, Record: api.Record{Package: noPackage, Status: "unknown", Message: "has no packages"}}}
	}
	rows := make([]hostRecord, len(records))
	for i, r := range records {
		r = harmlessRecord(r)
		rows[i] = hostRecord{host: ans.Host, Record: r, rank: recordRank(r)}
	}
	return report, rows
}

// readReport takes a roll-up or one record. Keys that it does not know are those
// of a newer pkgd, and those that it misses were not there yet in an older one.
func readReport(ans remote.Answer) (level string, records []api.Record, ok bool) {
	if ans.Err != nil {
		return "", nil, false
	}
	var one api.Record
	if json.Unmarshal(ans.Stdout, &one) == nil && one.Package != "" {
		return recordLevel(one), []api.Record{one}, true
	}
	var all api.Health
	if json.Unmarshal(ans.Stdout, &all) != nil || all.Level == "" {
		return "", nil, false
	}
	if levelRank(all.Level) < 0 {
		all.Level = "UNKNOWN"
	}
	return all.Level, all.Packages, true
}

// harmlessRecord takes out of a record of another host what its pkgd should not
// have let in.
func harmlessRecord(r api.Record) api.Record {
	for _, text := range []*string{&r.Package, &r.Version, &r.Status, &r.Code, &r.Message, &r.Source, &r.Phase} {
		*text = harmless(*text)
	}
	r.Blockers, r.Checks = slices.Clone(r.Blockers), slices.Clone(r.Checks)
	for i, b := range r.Blockers {
		r.Blockers[i] = harmless(b)
	}
	for i, c := range r.Checks {
		data := map[string]string{}
		for k, v := range maps.All(c.Data) {
			data[harmless(k)] = harmless(v)
		}
		c.Name, c.Health, c.Message, c.Data = harmless(c.Name), harmless(c.Health), harmless(c.Message), data
		r.Checks[i] = c
	}
	r.Output = harmlessLines(r.Output)
	if r.Last != nil {
		last := harmlessRecord(*r.Last)
		r.Last = &last
	}
	return r
}
