package admission

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneLargePictureAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var freed, refused atomic.Int64
		l := NewLarge(100, 2, func() { freed.Add(1) })
		at := 0 // guarded by the gate
		for range 4 {
			go func() {
				leave, err := l.Enter(context.Background())
				if errors.Is(err, ErrFull) {
					refused.Add(1)
					return
				}
				if at++; at > 1 {
					t.Error("large pictures side by side")
				}
				time.Sleep(time.Second)
				at--
				leave()
			}()
		}
		synctest.Wait()
		if l.Is(99) || !l.Is(100) {
			t.Error("pictures of 100 bytes are the smallest large ones")
		}
		time.Sleep(10 * time.Second)
		if refused.Load() != 1 || freed.Load() != 3 {
			t.Errorf("%d refused, memory given back %d times; want 1 and 3", refused.Load(), freed.Load())
		}
	})
}

func TestWaitForALargePictureCanEnd(t *testing.T) {
	l := NewLarge(1, 1, nil)
	leave, err := l.Enter(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	leave()
	if leave, err = l.Enter(context.Background()); err != nil {
		t.Error(err)
	}
	leave()
}

// A few large uploads must not keep out the pictures of cameras.
func TestBudgetKeepsAShareForSmallBodies(t *testing.T) {
	const mib = 1 << 20
	b := NewBudget(256*mib, 32*mib)
	var large []*Claim
	for range 10 {
		c := b.Claim()
		for c.Held() < 28*mib && c.Take(mib/2) {
		}
		large = append(large, c)
	}
	if got := b.Used(); got > 192*mib+10*mib {
		t.Errorf("large bodies hold %d MiB", got/mib)
	}
	small := b.Claim()
	if !small.Take(300 << 10) {
		t.Fatal("no room for a small body")
	}
	if small.Take(2 * mib) {
		t.Error("it grew into a large one, for which there is no room")
	}
	small.Free()
	for _, c := range large {
		c.Free()
	}
	if b.Used() != 0 || b.large != 0 {
		t.Errorf("%d bytes leaked, %d of them large", b.Used(), b.large)
	}
}

func TestBudgetHoldsOneOfTheLargest(t *testing.T) {
	b := NewBudget(40, 30)
	if c := b.Claim(); !c.Take(30) {
		t.Error("a body of the largest size does not fit")
	}
}

func TestReclaimerGivesBackOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var freed atomic.Int64
		r := NewReclaimer(100, func() { freed.Add(1) })
		r.LetGo(99)
		time.Sleep(time.Minute)
		if freed.Load() != 0 {
			t.Error("for little")
		}
		for range 50 {
			r.LetGo(10)
		}
		time.Sleep(2 * reclaimPause)
		if freed.Load() != 1 {
			t.Errorf("%d times for one burst", freed.Load())
		}
		r.LetGo(100)
		time.Sleep(2 * reclaimPause)
		if freed.Load() != 2 {
			t.Errorf("%d times for two", freed.Load())
		}
	})
	NewReclaimer(1, nil).LetGo(2)
}
