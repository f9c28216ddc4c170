package overlord

import (
	"time"

	"pkgd.io/pkgd/internal/dirs"
)

// Loop opens the loop to tests.
type Loop = loop

func NewLoop(turn func()) *Loop              { return newLoop(turn) }
func (l *loop) Start()                       { l.start() }
func (l *loop) Stop()                        { l.stop() }
func (l *loop) EnsureBefore(d time.Duration) { l.ensureBefore(d) }
func (l *loop) Alive() time.Time             { return l.alive() }
func LockRoot(d dirs.Dirs) (func(), error) {
	l, err := lockRoot(d)
	if err != nil {
		return nil, err
	}
	return l.release, nil
}
