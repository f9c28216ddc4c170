// Package reportstate tells a collector how the packages of this host are. A
// [api.Report] is one thing to tell: how a change ended, or the sum of the runs
// at rest; the outbox is where reports wait; an exchange is one request to the
// collector, and its answer. The [Manager] owns all three, and one goroutine
// that makes the exchanges.
//
// Its rules: a report is told at least once, under a key (device, boot,
// sequence) that makes telling it twice harmless, so what may have arrived is
// never changed afterwards. The report of a change is on disk in the commit of
// its outcome; runs at rest write nothing by themselves. Nobody waits for the
// collector, and nothing that it says or does not say touches a verdict. Without
// fleet.url there is no goroutine and no write.
package reportstate
