package pkgstate

import "time"

// Doors to what has no other way in.
type (
	PackageState = packageState
	Revision     = revision
	Refusal      = refusal
)

var (
	Ladder    = ladder
	IsPath    = isPath
	CheckDiff = checkDiff
	Unwell    = unwell
)

func (p *packageState) Number(digest string) int { return p.number(digest) }
func (p *packageState) Leave(to int)             { p.leave(to) }
func (p *packageState) Beyond(keep int) []int    { return p.beyond(keep) }
func (r refusal) TimeLeft() time.Duration        { return r.Rest() }
func (r refusal) Holds() bool                    { return r.holds() }
