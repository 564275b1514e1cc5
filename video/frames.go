package video

import "sync"

// frames lends a camera's frames out. They are made when first needed, at most
// inFlight of them and one for each reader that hangs, and get blocks only if all
// are lent.
type frames struct {
	make func() Picture
	mu   sync.Mutex
	back *sync.Cond
	free []*frame
	lent int
	done bool
}

// inFlight frames are one each being captured, in the mailbox, looked at, on the
// way to the output, and there.
const inFlight = 5

func newFrames(newPicture func() Picture) *frames {
	f := &frames{make: newPicture}
	f.back = sync.NewCond(&f.mu)
	return f
}

// get returns a frame, or nil after close.
func (f *frames) get() *frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.done {
		if n := len(f.free); n > 0 { // the one used last is still in the cache
			out := f.free[n-1]
			f.free = f.free[:n-1]
			f.lent++
			return out
		}
		if f.lent < inFlight+maxStuck {
			f.lent++
			return &frame{pic: f.make()}
		}
		f.back.Wait()
	}
	return nil
}

func (f *frames) put(fr *frame) {
	if fr == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lent--
	if f.done {
		fr.pic.Close()
		return
	}
	f.free = append(f.free, fr)
	f.back.Signal()
}

// close frees what is here and, when it comes back, what is lent.
func (f *frames) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = true
	for _, fr := range f.free {
		fr.pic.Close()
	}
	f.free = nil
	f.back.Broadcast()
}
