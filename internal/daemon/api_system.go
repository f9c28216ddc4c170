package daemon

import (
	"net/http"
	"os"
)

func getSystem(d *Daemon, _ http.ResponseWriter, _ *http.Request) (answer, error) {
	s := d.o.System()
	s.PID, s.StartedAt, s.Root = os.Getpid(), d.started, d.o.Dirs.Root
	return answer{result: s}, nil
}
