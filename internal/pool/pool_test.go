package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWorkersAreMadeWhenNeeded(t *testing.T) {
	t.Parallel()
	made := 1
	p := New(1, 3, func() (int, error) { made++; return made, nil })
	ctx := context.Background()
	for range 5 { // one caller at a time needs one worker
		w, err := p.Acquire(ctx)
		if err != nil || w != 1 {
			t.Fatalf("worker %d, %v", w, err)
		}
		p.Release(w)
	}
	seen := map[int]bool{}
	for range 3 {
		w, err := p.Acquire(ctx)
		if err != nil || seen[w] {
			t.Fatalf("worker %d a second time, %v", w, err)
		}
		seen[w] = true
	}
	if made != 3 {
		t.Errorf("%d workers were made", made)
	}
}

func TestAcquireEndsWithContext(t *testing.T) {
	t.Parallel()
	p := New(1, 1, func() (int, error) { return 0, errors.New("a second one") })
	if _, err := p.Acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if _, err := p.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("while all are busy: %v", err)
	}
	p.Release(1)
	if _, err := p.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a worker is free, but the context has ended: %v", err)
	}
}

func TestFailedWorkerMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	fail := true
	p := New(1, 2, func() (int, error) {
		if fail {
			return 0, broken
		}
		return 2, nil
	})
	ctx := context.Background()
	if _, err := p.Acquire(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Acquire(ctx); !errors.Is(err, broken) {
		t.Fatalf("error %v", err)
	}
	fail = false
	if w, err := p.Acquire(ctx); err != nil || w != 2 {
		t.Errorf("worker %d, %v", w, err)
	}
}

func TestNoWorkerServesTwo(t *testing.T) {
	t.Parallel()
	var busy [4]sync.Mutex
	var next atomic.Int32
	p := New(0, len(busy), func() (int, error) { return int(next.Add(1)), nil })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				w, err := p.Acquire(context.Background())
				if err != nil || !busy[w].TryLock() {
					t.Errorf("worker %d serves two, %v", w, err)
					return
				}
				busy[w].Unlock()
				p.Release(w)
			}
		})
	}
	wg.Wait()
}
