package systemd_test

import (
	"os"
	"testing"
	"time"

	"pkgd.io/pkgd/internal/dirs"
	"pkgd.io/pkgd/internal/service"
	"pkgd.io/pkgd/internal/service/systemd"
)

// BenchmarkSwitch measures a switch between two revisions and back, beside bare
// StopUnit and StartUnit of the same units, turn by turn in one run.
func BenchmarkSwitch(b *testing.B) {
	if kind, why := service.Detect("/"); kind != service.Systemd {
		b.Skip(why)
	}
	root, err := os.MkdirTemp("", "p")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	d, _ := dirs.New(root)
	m, err := systemd.New(systemd.Options{Dirs: d})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = m.Forget(b.Context(), "web"); _ = m.Shutdown(b.Context()) }()
	units := []service.Unit{benchUnit(b, d, 1), benchUnit(b, d, 2)}
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	job := func(method string, u service.Unit) {
		b.Helper()
		result, err := m.Job(b.Context(), method, m.UnitName(u))
		check(err)
		if result != "done" {
			b.Fatal(method, result)
		}
	}
	var bare, ours time.Duration
	check(m.Start(b.Context(), units[:1]))
	for b.Loop() {
		began := time.Now()
		check(m.Stop(b.Context(), "web", nil))
		check(m.Start(b.Context(), units[1:]))
		check(m.Stop(b.Context(), "web", nil))
		check(m.Start(b.Context(), units[:1]))
		ours += time.Since(began)
		began = time.Now()
		for range 2 {
			job("StopUnit", units[0])
			job("StartUnit", units[0])
		}
		bare += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "ms/ours")
	b.ReportMetric(bare.Seconds()*1e3/float64(b.N), "ms/bare")
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "ratio")
}

func benchUnit(b *testing.B, d dirs.Dirs, rev int) service.Unit {
	b.Helper()
	c := service.Confinement{Root: d.Revision("web", rev), Data: d.DataRevision("web", rev), Common: d.DataCommon("web"), Tmp: d.Tmp("web")}
	for _, dir := range []string{c.Root, c.Data, c.Common, c.Tmp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
	}
	return service.Unit{
		Package: "web", Revision: rev, Name: "a", Command: []string{"/bin/sleep", "1000"},
		Env: []string{"PATH=/usr/bin:/bin"}, Dir: c.Root, Confine: c, Enabled: true, Cookie: "c00k1e",
	}
}
