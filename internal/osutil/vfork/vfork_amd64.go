package vfork

// Known says whether this package can start anything on this kind of processor.
const Known = true

// start makes the child, and gives its pid, or less than 0 for the error that the
// kernel gave.
func start(args *cloneArgs, size uintptr, first *Call, failed *failure) (pid int)

// limit asks for the limit of open files.
func limit(l *Limit) (errno int)

func files() Limit {
	l := new(Limit)
	limit(l)
	return *l
}
