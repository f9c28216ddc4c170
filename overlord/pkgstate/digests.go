package pkgstate

import (
	"os"
	"sync"
	"syscall"
	"time"

	"pkgd.io/pkgd/internal/pkgfile"
)

// digestCache remembers the digest of files in stores, so that looking for
// updates hashes only what changed. A file counts as the same while device,
// inode, size and modification time do.
type digestCache struct {
	mu    sync.Mutex // guards known
	known map[fileID]string
}

type fileID struct {
	dev, ino uint64
	size     int64
	modified time.Time
}

func (c *digestCache) of(path string) (string, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	st := fi.Sys().(*syscall.Stat_t)
	id := fileID{dev: st.Dev, ino: st.Ino, size: fi.Size(), modified: fi.ModTime()}
	c.mu.Lock()
	digest, ok := c.known[id]
	c.mu.Unlock()
	if ok {
		return digest, nil
	}
	if digest, err = pkgfile.DigestOf(path); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[fileID]string{}
	}
	c.known[id] = digest
	return digest, nil
}
