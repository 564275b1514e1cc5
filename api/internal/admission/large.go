package admission

import (
	"context"
	"sync/atomic"
)

// Large lets one large picture in at a time: a file of a few hundred kilobytes
// can hold one that takes hundreds of megabytes once it is decoded. Large
// pictures wait in a line of their own, before they take a place in the queue of
// a model or one of its workers, so that only they wait for each other.
type Large struct {
	least   int64 // bytes from which a picture is large
	line    int64 // that may wait
	waiting atomic.Int64
	slot    chan struct{}
	free    func()
}

// NewLarge makes a gate for pictures of at least so many decoded bytes, of which
// line may wait. free, which may be nil, is called when one is done and its
// memory is garbage, before the next is let in.
func NewLarge(least int64, line int, free func()) *Large {
	return &Large{least: least, line: int64(line), slot: make(chan struct{}, 1), free: free}
}

// Is tells that a picture which takes so many bytes decoded is a large one.
func (l *Large) Is(bytes int64) bool { return bytes >= l.least }

// Enter waits if another large picture is being worked on. The caller must leave
// when it holds the decoded picture no more. The error is ErrFull at once, or the
// context's.
func (l *Large) Enter(ctx context.Context) (leave func(), err error) {
	select {
	case l.slot <- struct{}{}:
		return l.leave, nil
	default:
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.line {
		return nil, ErrFull
	}
	select {
	case l.slot <- struct{}{}:
		return l.leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Large) leave() {
	if l.free != nil {
		l.free() // little beside the time that such a picture takes
	}
	<-l.slot
}
