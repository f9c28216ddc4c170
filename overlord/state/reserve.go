package state

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve is how many bytes of the disk the file holds beyond those in use. A
// package that fills the disk is taken back by a few dozen commits, and each of
// them needs some pages: without these the bad revision would run on until
// somebody makes room.
const reserve = 1 << 20

// keepRoom has the file system set blocks aside for what the file will need
// next. Where that fails (no room any more, a file system that does not know
// how) nothing is lost: the file grows as it always did, and the next commit
// tries again.
func (st *store) keepRoom(used int64) {
	if used+reserve/2 <= st.room {
		return
	}
	f, err := os.OpenFile(st.path, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, used+reserve) == nil {
		st.room = used + reserve
	}
}
