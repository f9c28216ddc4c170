package hookrunner

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
)

// cookieBytes is how much chance a cookie holds; on the wire it is hex.
const cookieBytes = 32

// Why a cookie is not accepted. The ctl socket answers each with exit code 1.
var (
	ErrNoCookie   = errors.New("no cookie: ctl works inside a hook, a service or an app of a package")
	ErrDeadCookie = errors.New("this cookie is not valid: its run has ended, or it never was one")
	ErrForeignUID = errors.New("this cookie belongs to another user's process")
)

// Contexts knows every cookie that is alive. They are looked up by their hash, so
// that a look-up takes the same time whatever was guessed, and so that what must
// be stored gives none away.
type Contexts struct {
	mu     sync.RWMutex // guards byHash
	byHash map[string]*Context
}

// NewContexts returns an empty registry.
func NewContexts() *Contexts {
	return &Contexts{byHash: make(map[string]*Context)}
}

// Hash is the form in which a cookie may be stored.
func Hash(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// Open makes a cookie for s. The cookie is returned only here; it lives until
// the context is closed. Only a system without random numbers gives an error.
func (cs *Contexts) Open(s Spec) (*Context, string, error) {
	var b [cookieBytes]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, "", fmt.Errorf("cannot make a cookie: %w", err)
	}
	cookie := hex.EncodeToString(b[:])
	return cs.open(Hash(cookie), cookie, s), cookie, nil
}

// OpenHashed makes a cookie valid of which only the hash is known: a service's,
// after a restart of the daemon. An older context with that hash is closed.
func (cs *Contexts) OpenHashed(hash string, s Spec) *Context {
	return cs.open(hash, "", s)
}

func (cs *Contexts) open(hash, cookie string, s Spec) *Context {
	c := &Context{spec: s, hash: hash, cookie: cookie, values: Values{}}
	c.forget = func(hash string) { cs.drop(hash, c) }
	cs.mu.Lock()
	old := cs.byHash[hash]
	cs.byHash[hash] = c
	cs.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return c
}

func (cs *Contexts) drop(hash string, c *Context) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.byHash[hash] == c {
		delete(cs.byHash, hash)
	}
}

// Lookup finds who speaks, for a process of user uid: ErrNoCookie without a
// cookie, ErrDeadCookie for an unknown or ended one, ErrForeignUID when another
// user's process holds it.
func (cs *Contexts) Lookup(cookie string, uid uint32) (*Context, error) {
	if cookie == "" {
		return nil, ErrNoCookie
	}
	cs.mu.RLock()
	c := cs.byHash[Hash(cookie)]
	cs.mu.RUnlock()
	if c == nil {
		return nil, ErrDeadCookie
	}
	if c.UID() != uid {
		return nil, ErrForeignUID
	}
	return c, nil
}

// Hash is the form in which a cookie may be stored.
func (*Contexts) Hash(cookie string) string { return Hash(cookie) }

// Len is how many cookies are alive.
func (cs *Contexts) Len() int {
	cs.mu.RLock()
	defer cs.mu.RUnlock()
	return len(cs.byHash)
}
