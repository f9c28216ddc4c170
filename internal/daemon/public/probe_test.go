package public_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pkgd.io/pkgd/internal/daemon/public"
)

func TestProbeThatHangsCountsAsFailedAndNoOtherIsBegunBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		release := make(chan struct{})
		p := public.NewProbe(time.Second, 200*time.Millisecond, func(context.Context) error {
			if begun.Add(1) == 2 {
				<-release // as a file system does that is not there any more
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		p.Start(ctx, &wg)
		synctest.Wait()
		if err := p.Err(); err != nil || begun.Load() != 1 {
			t.Fatalf("first look: %v, %d", err, begun.Load())
		}
		time.Sleep(10 * time.Second)
		if err := p.Err(); err == nil || err.Error() != "no answer within 200ms" || begun.Load() != 2 {
			t.Fatalf("while it hangs: %v, %d", err, begun.Load())
		}
		close(release)
		time.Sleep(2 * time.Second)
		if err := p.Err(); err != nil || begun.Load() < 3 {
			t.Fatalf("afterwards: %v, %d", err, begun.Load())
		}
		cancel()
		wg.Wait()
	})
}

func TestProbeThatHeedsItsTimeOutSaysItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := public.NewProbe(time.Minute, time.Second, func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("the bus does not answer")
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		p.Start(ctx, &wg)
		time.Sleep(5 * time.Second)
		if err := p.Err(); err == nil || err.Error() != "the bus does not answer" {
			t.Errorf("got %v", err)
		}
		cancel()
		wg.Wait()
	})
}
