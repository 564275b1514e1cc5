package api

import (
	"context"
	"errors"
	"testing"
	"time"
)

// clocked is a gate whose time the test moves, with room for ten to wait.
func clocked(workers int) (g *gate, pass func(time.Duration)) {
	g = newGate(workers, 10, 0)
	now := time.Unix(1000, 0)
	g.now = func() time.Time { return now }
	return g, func(d time.Duration) { now = now.Add(d) }
}

// warm lets one picture through, in no time.
func warm(g *gate) {
	leave, _ := g.enter(context.Background())
	leave()
}

// crowdAt lets n wait at a gate and returns how many were let in; leave ends
// the waiting of all of them.
func crowdAt(t *testing.T, g *gate, n int) (in int, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, n)
	for range n {
		before := g.length()
		refused := make(chan struct{})
		go func() {
			if _, err := g.enter(ctx); errors.Is(err, errGateFull) {
				close(refused)
				return
			}
			done <- struct{}{}
		}()
		eventually(t, "in the queue, or refused", func() bool {
			select {
			case <-refused:
				return true
			default:
				return g.length() == before+1
			}
		})
		if g.length() == before+1 {
			in++
		}
	}
	waits := in
	return in, func() {
		cancel()
		for range waits {
			<-done
		}
	}
}

func TestGateTakesABurstAndShortensItsQueueInAFlood(t *testing.T) {
	g, pass := clocked(4)
	warm(g)
	busy := context.Background()
	for range 4 {
		leave, _ := g.enter(busy)
		defer leave()
	}

	in, leave := crowdAt(t, g, 12)
	if in != 10 || !g.full() {
		t.Fatalf("of a burst %d were let in, want 10", in)
	}
	pass(900 * time.Millisecond) // not yet a flood: a full queue may take that
	leave()
	if g.full() {
		t.Error("full, though nobody waits")
	}

	in, leave = crowdAt(t, g, 5)
	if in != 5 {
		t.Fatalf("%d", in)
	}
	pass(calm + time.Millisecond) // these still wait: a flood
	if in, more := crowdAt(t, g, 1); in != 0 {
		t.Error("the queue of a flood is not shortened")
		more()
	}
	leave()
	in, leave = crowdAt(t, g, 5)
	if in != 2 {
		t.Errorf("in a flood %d may wait, want one for every two of four workers", in)
	}
	leave()

	pass(calm / 2) // somebody was turned away half a second ago
	if in, leave = crowdAt(t, g, 5); in != 2 {
		t.Errorf("%d may wait, but the flood is not over", in)
	}
	leave()
	pass(calm + time.Millisecond) // nobody was, for long enough
	if in, leave = crowdAt(t, g, 12); in != 10 {
		t.Errorf("after the flood %d may wait, want 10", in)
	}
	leave()
	if g.length() != 0 || len(g.slots) != 4 {
		t.Errorf("%d wait, %d work", g.length(), len(g.slots))
	}
}

func TestGateLetsThemWaitInAFloodAsLongAsIsBearable(t *testing.T) {
	g, pass := clocked(2)
	g.wait = 300 * time.Millisecond
	for range 2 { // a picture takes 100 ms: six wait for 300 ms
		leave, _ := g.enter(context.Background())
		pass(100 * time.Millisecond)
		leave()
	}
	for range 2 {
		leave, _ := g.enter(context.Background())
		defer leave()
	}
	in, leave := crowdAt(t, g, 5)
	pass(calm + time.Millisecond) // the queue stands, but nobody waits long
	if more, leave := crowdAt(t, g, 3); more != 1 {
		t.Errorf("%d more may wait, want 1", more)
	} else {
		leave()
	}
	leave()
	if in != 5 {
		t.Errorf("%d were let in, want 5", in)
	}
}

func TestGateIsPatientWithSlowWork(t *testing.T) {
	g, pass := clocked(1)
	leave, _ := g.enter(context.Background())
	pass(500 * time.Millisecond)
	leave() // ten of these take five seconds
	if got := g.patience(); got != 6250*time.Millisecond {
		t.Errorf("patience is %v", got)
	}
	if got := g.retryAfter(); got != calm {
		t.Errorf("nobody waits, but come back after %v", got)
	}
	leave, _ = g.enter(context.Background())
	_, go1 := crowdAt(t, g, 9)
	if got := g.retryAfter(); got != 5*time.Second {
		t.Errorf("ten pictures of half a second take %v", got)
	}
	go1()
	leave()
}

func TestGateIsPatientBeforeTheFirstPictureIsDone(t *testing.T) {
	g, pass := clocked(1)
	leave, _ := g.enter(context.Background())
	first, go1 := crowdAt(t, g, 5)
	pass(20 * time.Second) // a slow machine, or one that loads its model
	second, go2 := crowdAt(t, g, 6)
	if first+second != 10 {
		t.Errorf("%d and %d were let in, want 10 together", first, second)
	}
	go1()
	go2()
	leave()
}

func TestGateKeepsTheOrder(t *testing.T) {
	g := newGate(1, 10, 0)
	leave, _ := g.enter(context.Background())
	order := make(chan int, 5)
	for i := range 5 {
		go func() {
			leave, err := g.enter(context.Background())
			if err == nil {
				order <- i
				leave()
			}
		}()
		eventually(t, "waits", func() bool { return g.length() == i+1 })
		time.Sleep(time.Millisecond) // from counted to waiting at the channel
	}
	leave()
	for want := range 5 {
		if got := <-order; got != want {
			t.Errorf("%d came as number %d", got, want)
		}
	}
}

func TestGateWithAnEndedContext(t *testing.T) {
	g := newGate(1, 1, 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
