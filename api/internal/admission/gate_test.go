package admission

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// warm lets one picture through that takes so long.
func warm(g *Gate, took time.Duration) {
	leave, _ := g.Enter(context.Background())
	time.Sleep(took)
	leave()
}

// occupy takes n workers until the function returned is called.
func occupy(g *Gate, n int) (leave func()) {
	leaves := make([]func(), n)
	for i := range leaves {
		leaves[i], _ = g.Enter(context.Background())
	}
	return func() {
		for _, leave := range leaves {
			leave()
		}
	}
}

// crowdAt lets n wait at a gate and returns how many were let in; leave ends
// the waiting of all of them. It must run in a bubble of synctest.
func crowdAt(g *Gate, n int) (in int, leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	before := g.Waiting()
	for range n {
		go func() { _, _ = g.Enter(ctx) }()
		synctest.Wait()
	}
	return g.Waiting() - before, func() { cancel(); synctest.Wait() }
}

func TestGateTakesABurstAndShortensItsQueueInAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(4, 10, 0)
		warm(g, 1)
		defer occupy(g, 4)()

		in, leave := crowdAt(g, 12)
		if in != 10 || !g.Full() {
			t.Fatalf("of a burst %d were let in, want 10", in)
		}
		time.Sleep(900 * time.Millisecond) // not yet a flood: a full queue may take that
		leave()
		if g.Full() {
			t.Error("full, though nobody waits")
		}

		in, leave = crowdAt(g, 5)
		if in != 5 {
			t.Fatalf("%d", in)
		}
		time.Sleep(calm + time.Millisecond) // these still wait: a flood
		if in, more := crowdAt(g, 1); in != 0 {
			t.Error("the queue of a flood is not shortened")
			more()
		}
		leave()
		in, leave = crowdAt(g, 5)
		if in != 2 {
			t.Errorf("in a flood %d may wait, want one for every two of four workers", in)
		}
		leave()

		time.Sleep(calm / 2) // somebody was turned away half a second ago
		if in, leave = crowdAt(g, 5); in != 2 {
			t.Errorf("%d may wait, but the flood is not over", in)
		}
		leave()
		time.Sleep(calm + time.Millisecond) // nobody was, for long enough
		if in, leave = crowdAt(g, 12); in != 10 {
			t.Errorf("after the flood %d may wait, want 10", in)
		}
		leave()
		if g.Waiting() != 0 || g.Busy() != 4 {
			t.Errorf("%d wait, %d work", g.Waiting(), g.Busy())
		}
	})
}

func TestGateLetsThemWaitInAFloodAsLongAsIsBearable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 10, 300*time.Millisecond)
		for range 2 { // a picture takes 100 ms: six wait for 300 ms
			warm(g, 100*time.Millisecond)
		}
		defer occupy(g, 2)()
		in, leave := crowdAt(g, 5)
		time.Sleep(calm + time.Millisecond) // the queue stands, but nobody waits long
		if more, leave := crowdAt(g, 3); more != 1 {
			t.Errorf("%d more may wait, want 1", more)
		} else {
			leave()
		}
		leave()
		if in != 5 {
			t.Errorf("%d were let in, want 5", in)
		}
	})
}

// Eight cameras of a recorder, each of which waits for its answer before it
// sends the next picture, on one worker: with half a second to wait nobody is
// refused, with none most are.
func TestGateOfPoliteClients(t *testing.T) {
	for wait, want := range map[time.Duration]bool{500 * time.Millisecond: false, 0: true} {
		synctest.Test(t, func(t *testing.T) {
			g := NewGate(1, 16, wait)
			var refused atomic.Int64
			stop := time.Now().Add(20 * time.Second)
			for range 8 {
				go func() {
					for time.Now().Before(stop) {
						leave, err := g.Enter(context.Background())
						if err != nil {
							refused.Add(1)
							time.Sleep(100 * time.Millisecond)
							continue
						}
						time.Sleep(50 * time.Millisecond) // the picture
						leave()
						time.Sleep(5 * time.Millisecond) // the next one
					}
				}()
			}
			time.Sleep(30 * time.Second)
			if (refused.Load() > 0) != want {
				t.Errorf("with %v to wait %d were refused", wait, refused.Load())
			}
		})
	}
}

func TestGateIsPatientWithSlowWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 10, 0)
		warm(g, 500*time.Millisecond) // ten of these take five seconds
		if got := g.patience(); got != 6250*time.Millisecond {
			t.Errorf("patience is %v", got)
		}
		if got := g.RetryAfter(); got != calm {
			t.Errorf("nobody waits, but come back after %v", got)
		}
		defer occupy(g, 1)()
		_, leave := crowdAt(g, 9)
		if got := g.RetryAfter(); got != 5*time.Second {
			t.Errorf("ten pictures of half a second take %v", got)
		}
		leave()
	})
}

func TestGateIsPatientBeforeTheFirstPictureIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 10, 0)
		defer occupy(g, 1)()
		first, leave1 := crowdAt(g, 5)
		time.Sleep(20 * time.Second) // a slow machine, or one that loads its model
		second, leave2 := crowdAt(g, 6)
		if first+second != 10 {
			t.Errorf("%d and %d were let in, want 10 together", first, second)
		}
		leave1()
		leave2()
	})
}

func TestGateKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(1, 10, 0)
		leave := occupy(g, 1)
		var order []int
		for i := range 5 {
			go func() {
				leave, err := g.Enter(context.Background())
				if err == nil {
					order = append(order, i)
					leave()
				}
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		for i, got := range order {
			if got != i {
				t.Errorf("%d came as number %d", got, i)
			}
		}
		if len(order) != 5 {
			t.Errorf("%d came", len(order))
		}
	})
}

func TestGateWithAnEndedContext(t *testing.T) {
	g := NewGate(1, 1, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
