package service_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pkgd.io/pkgd/internal/service"
)

func TestASlowSubscriberHearsAllInOrderAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events service.Events
		gate := make(chan struct{})
		var slow, quick []string
		events.Subscribe(func(ev service.Event) { <-gate; slow = append(slow, ev.Service) })
		events.Subscribe(func(ev service.Event) { quick = append(quick, ev.Service) })
		for i := range 100 {
			events.Publish(service.Event{Service: fmt.Sprint(i)})
		}
		synctest.Wait()
		if len(quick) != 100 || len(slow) != 0 {
			t.Errorf("the quick one has heard %d, the slow one %d", len(quick), len(slow))
		}
		close(gate)
		events.Close()
		for i, name := range slow {
			if name != fmt.Sprint(i) {
				t.Fatalf("event %d is %s", i, name)
			}
		}
		if len(slow) != 100 {
			t.Errorf("the slow one has heard %d", len(slow))
		}
	})
}

func TestACancelledSubscriberHearsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events service.Events
		heard := 0
		cancel := events.Subscribe(func(service.Event) { heard++ })
		events.Publish(service.Event{})
		synctest.Wait()
		cancel()
		cancel()
		events.Publish(service.Event{})
		events.Close()
		events.Subscribe(func(service.Event) { heard++ })()
		events.Publish(service.Event{})
		synctest.Wait()
		if heard != 1 {
			t.Errorf("%d events were heard, want 1", heard)
		}
	})
}
