package pool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// made is a worker that knows how it came to be.
type made struct {
	key    int
	cloned bool
}

// counting is a pool of them with counts of what was made and cloned.
func counting(n, keep int) (p *Keyed[int, *made], makes, clones *atomic.Int32) {
	makes, clones = new(atomic.Int32), new(atomic.Int32)
	p = NewKeyed(n, keep, func(key int) (*made, error) {
		makes.Add(1)
		return &made{key: key}, nil
	}, func(w *made) (*made, error) {
		clones.Add(1)
		return &made{key: w.key, cloned: true}, nil
	})
	return p, makes, clones
}

func TestKeyedWorkersAreKept(t *testing.T) {
	t.Parallel()
	p, makes, clones := counting(1, 3)
	look := func(key int) {
		t.Helper()
		w, err := p.Acquire(context.Background(), key)
		if err != nil || w.key != key {
			t.Fatalf("worker %v for key %d, %v", w, key, err)
		}
		p.Release(key, w)
	}
	for _, key := range []int{1, 2, 3, 1, 2, 3, 1} {
		look(key)
	}
	if makes.Load() != 3 || clones.Load() != 0 {
		t.Errorf("%d made and %d cloned for three keys in turn, want 3 and 0", makes.Load(), clones.Load())
	}
	look(4) // 2 was used longest ago
	look(3)
	look(1)
	if makes.Load() != 4 {
		t.Errorf("%d made, what was used last is not kept", makes.Load())
	}
	look(2)
	if makes.Load() != 5 {
		t.Errorf("%d made, the key used longest ago is kept", makes.Load())
	}
	if len(p.idle) > 3 || len(p.origin) > 3 {
		t.Errorf("%d idle workers and %d origins are kept", len(p.idle), len(p.origin))
	}
}

func TestKeyedWorkersAreCloned(t *testing.T) {
	t.Parallel()
	p, makes, clones := counting(8, 2)
	var wg sync.WaitGroup
	start := make(chan struct{})
	var busy [8]*made
	for i := range busy {
		wg.Go(func() {
			<-start
			w, err := p.Acquire(context.Background(), i%2)
			if err != nil || w.key != i%2 {
				t.Errorf("worker %v for key %d, %v", w, i%2, err)
			}
			busy[i] = w
		})
	}
	close(start)
	wg.Wait()
	if makes.Load() != 2 || clones.Load() != 6 {
		t.Errorf("%d made and %d cloned, want 2 and 6", makes.Load(), clones.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if _, err := p.Acquire(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("while all are busy: %v", err)
	}
	for i, w := range busy {
		p.Release(i%2, w)
	}
	if len(p.idle) != 8 {
		t.Errorf("%d are idle", len(p.idle))
	}
}

func TestKeyedFailureCostsNoTicket(t *testing.T) {
	t.Parallel()
	fail := errors.New("no memory")
	p := NewKeyed(1, 1, func(key int) (int, error) {
		if key < 0 {
			return 0, fail
		}
		return key, nil
	}, func(w int) (int, error) { return w, nil })
	for range 3 {
		if _, err := p.Acquire(context.Background(), -1); !errors.Is(err, fail) {
			t.Fatalf("error %v", err)
		}
	}
	if w, err := p.Acquire(context.Background(), 5); err != nil || w != 5 {
		t.Errorf("worker %d, %v", w, err)
	}
}
