//go:build !amd64

package vfork

// Known says whether this package can start anything on this kind of processor.
const Known = false

func start(*cloneArgs, uintptr, *Call, *failure) (pid int) {
	const enosys = 38
	return -enosys
}

func files() Limit { return Limit{} }
