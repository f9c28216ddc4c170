package daemon

import (
	"net/http"
	"os"
)

func getSystem(d *Daemon, _ http.ResponseWriter, r *http.Request) (answer, error) {
	if q := params(r); q.err != nil {
		return answer{}, q.err
	}
	s := d.o.System()
	s.PID, s.StartedAt, s.Root = os.Getpid(), d.started, d.o.Dirs.Root
	s.Listen = list(s.Listen)
	return answer{result: s}, nil
}
