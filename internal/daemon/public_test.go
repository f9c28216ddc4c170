package daemon_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"pkgd.io/pkgd/internal/config"
	"pkgd.io/pkgd/internal/daemon"
)

// fakePublic is a public listener that does as tests want.
type fakePublic struct {
	refuses error
	fails   chan error
	opened  []string // expose of each configuration
	ended   string
}

func (p *fakePublic) Open(c config.Config) error {
	p.opened = append(p.opened, c.Expose)
	return p.refuses
}

func (p *fakePublic) Serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.fails:
		return err
	}
}
func (p *fakePublic) End(why string) { p.ended = why }

func TestPublicListenerThatCannotBeOpenedEndsTheDaemonAndLeavesNoSocket(t *testing.T) {
	d := shortDirs(t)
	o := newFake().options(d)
	o.Public = &fakePublic{refuses: errors.New("port 80 is taken")}
	if err := daemon.NewFor(o).Serve(context.Background()); err == nil || err.Error() != "port 80 is taken" {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(d.Run()); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPublicListenerThatFailsEndsTheDaemon(t *testing.T) {
	p := &fakePublic{fails: make(chan error, 1)}
	o := newFake().options(shortDirs(t))
	o.Public = p
	p.fails <- errors.New("the network is gone")
	if err := daemon.NewFor(o).Serve(context.Background()); err == nil || err.Error() != "the network is gone" {
		t.Errorf("got %v", err)
	}
	if p.ended == "" {
		t.Error("pkgd stayed ready")
	}
}

func TestReadinessFallsWhenTheAdminSocketFails(t *testing.T) {
	p := &fakePublic{}
	o := newFake().options(shortDirs(t))
	o.Public = p
	if err := daemon.NewFor(o).ServeWithBroken(context.Background(), "admin"); err == nil {
		t.Error("a broken socket went unnoticed")
	}
	if p.ended != "a listener has failed" {
		t.Errorf("got %q", p.ended)
	}
}

func TestNewConfigurationReachesThePublicListener(t *testing.T) {
	p := &fakePublic{}
	o := newFake().options(shortDirs(t))
	o.Public, o.Config.Expose = p, "names"
	d := daemon.NewFor(o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(ctx) }()
	<-d.Listening()
	if err := d.Reload(config.Config{Expose: "full"}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(p.opened) != 2 || p.opened[0] != "names" || p.opened[1] != "full" {
		t.Errorf("got %v", p.opened)
	}
}
