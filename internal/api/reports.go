package api

import "time"

// ReportSchema is the version of the shapes that a host sends to its collector
// (docs/reference/reports.md). Keys are added without a new number; a new number
// means that an old collector cannot read it.
const ReportSchema = 1

// Exchange is what a host sends: POST URL/v1/reports, gzip-compressed JSON.
type Exchange struct {
	Schema  int       `json:"schema"`
	Device  string    `json:"device"`
	Boot    string    `json:"boot"` // of the pkgd that sends; a report keeps that of the pkgd that wrote it
	At      time.Time `json:"at"`
	Version string    `json:"version"` // of pkgd
	Host    HostLevel `json:"host"`
	Lost    Lost      `json:"lost"`
	Reports []Report  `json:"reports"` // none: the host is there, and that is all
}

// HostLevel is the roll-up of the host's health when an exchange began.
type HostLevel struct {
	Level  string         `json:"level"`
	Counts map[string]int `json:"counts"`
}

// Lost counts what will never arrive, since the device got its id.
type Lost struct {
	Changes uint64 `json:"changes"` // dropped because the outbox was full
	Runs    uint64 `json:"runs"`    // at rest, of reports dropped for the same reason
	Refused uint64 `json:"refused"` // reports that the collector refused for good
}

// Kinds of [Report].
const (
	ReportChange = "change"
	ReportRest   = "rest"
)

// Report is one thing that a host tells. Device, boot and sequence name it: two
// reports with the same are one, delivered twice.
type Report struct {
	Boot     string        `json:"boot"`
	Sequence uint64        `json:"sequence"`
	Kind     string        `json:"kind"` // change or rest
	Package  string        `json:"package"`
	At       time.Time     `json:"at"` // of the outcome, or of the first run at rest
	Change   *ChangeReport `json:"change,omitempty"`
	Rest     *RestReport   `json:"rest,omitempty"`
}

// ChangeReport is how a change ended for the package. It has no output of hooks.
type ChangeReport struct {
	Change       string     `json:"change"` // id on the host
	Kind         string     `json:"kind"`   // install, refresh, revert or remove
	From         Content    `json:"from"`
	To           Content    `json:"to"`
	Current      int        `json:"current"` // revision that runs now; 0: none
	Before       *Record    `json:"before"`
	After        *Record    `json:"after"`              // the verdict
	Restored     *Record    `json:"restored,omitempty"` // of the old revision after a revert
	Rule         string     `json:"rule"`
	Outcome      string     `json:"outcome"`
	Error        string     `json:"error,omitempty"`
	Transaction  string     `json:"transaction,omitempty"` // package for whose sake this one was undone
	WantsPerson  bool       `json:"wants-person"`
	DataRestored bool       `json:"data-restored"`
	RefusedUntil *time.Time `json:"refused-until"`
	Downtime     float64    `json:"downtime"` // seconds
	Elapsed      float64    `json:"elapsed"`  // seconds
}

// Content is what a revision of a host is to others: its number means nothing
// elsewhere, its digest the same everywhere.
type Content struct {
	Revision int    `json:"revision"` // 0: none
	Version  string `json:"version"`
	Digest   string `json:"digest"` // empty where it is not known
}

// RestReport sums up what runs at rest and by hand said of the package.
type RestReport struct {
	Until       time.Time    `json:"until"` // last run or transition in it
	Runs        uint64       `json:"runs"`
	Counts      []RestCount  `json:"counts"`
	Uncounted   uint64       `json:"uncounted"` // runs beyond the counts that a report can have
	Transitions []Transition `json:"transitions"`
	Untold      uint64       `json:"untold"` // transitions beyond those listed, older than they
	Record      *Record      `json:"record"` // last heard
}

// RestCount is how many runs of one content said the same.
type RestCount struct {
	Content
	Status string `json:"status"`
	Code   string `json:"code"`
	Runs   uint64 `json:"runs"`
}

// ExchangeAnswer is what a collector says to an [Exchange], with a status of 2xx:
// all reports in it are kept or refused for good.
type ExchangeAnswer struct {
	NextExchange float64         `json:"next-exchange,omitempty"` // seconds from now; 0: as configured
	Refused      []RefusedReport `json:"refused,omitempty"`
}

// RefusedReport is a report that a collector will never take.
type RefusedReport struct {
	Boot     string `json:"boot"`
	Sequence uint64 `json:"sequence"`
	Reason   string `json:"reason"`
}

// Outbox is what `pkgd debug reports` shows. It may change with any version.
type Outbox struct {
	URL          string          `json:"url"` // empty: no reports are written
	Device       string          `json:"device"`
	Boot         string          `json:"boot"`
	Changes      int             `json:"changes"` // reports of changes that wait
	Rest         int             `json:"rest"`    // reports at rest that wait
	Bytes        int             `json:"bytes"`   // of both, before compression
	LastExchange *time.Time      `json:"last-exchange"`
	NextExchange *time.Time      `json:"next-exchange"`
	Delivered    uint64          `json:"delivered"` // reports, since pkgd started
	Failures     int             `json:"failures"`  // in a row
	LastError    string          `json:"last-error,omitempty"`
	LastErrorAt  *time.Time      `json:"last-error-at,omitempty"`
	Lost         Lost            `json:"lost"`
	Waiting      []WaitingReport `json:"waiting"`
	Refused      []WaitingReport `json:"refused"` // the last few that the collector refused
}

// WaitingReport is one report of the outbox.
type WaitingReport struct {
	Boot     string    `json:"boot"`
	Sequence uint64    `json:"sequence"`
	Kind     string    `json:"kind"`
	Package  string    `json:"package"`
	At       time.Time `json:"at"`
	Runs     uint64    `json:"runs,omitempty"`
	Outcome  string    `json:"outcome,omitempty"`
	InDoubt  bool      `json:"in-doubt,omitempty"` // sent, but nobody knows whether it arrived
	Reason   string    `json:"reason,omitempty"`   // why it was refused
}
