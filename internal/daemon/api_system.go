package daemon

import (
	"net/http"
	"os"
)

func getSystem(d *Daemon, _ http.ResponseWriter, _ *http.Request) (answer, error) {
	s := d.o.System()
	s.Bus = "not offered"
	if d.o.Bus != nil {
		s.Bus = d.o.Bus.Describe()
	}
	s.PID, s.StartedAt, s.Root = os.Getpid(), d.started, d.o.Dirs.Root
	return answer{result: s}, nil
}
