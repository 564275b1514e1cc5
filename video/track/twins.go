package track

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A detector that is unsure of a class gives one object two boxes, a car's and a
// truck's. They must not become two objects: within a frame such boxes are one
// observation with two votes, and objects that stay in one place together are
// merged.

const (
	overlapTwin = 0.8 // of boxes that show one object
	overlapPart = 0.7 // below it twins have parted
	twinFrames  = 3
	twinAfter   = 300 * time.Millisecond // for objects that came together or move together
	twinStill   = 3 * time.Second        // for others: somebody may stand before a chair
	twinAge     = time.Second            // between the beginnings of objects that came together
	twinMove    = 0.5                    // of its size, that the older one has moved with its twin
	twinMissed  = 2                      // one of them may be undetected for so many frames

	contested = 0.5  // of the leading class's votes: another class comes close
	changeBy  = 1.25 // votes by which another class must lead to take over
)

// admit lists the observations that are well-formed: in free those that any object
// may take, of several in one place the one with the highest score, and in second
// the others, for objects that have a number already.
func (t *Tracker) admit(seen []Observation) {
	t.free, t.second, t.same = t.free[:0], t.second[:0], t.same[:0]
	for i := range seen {
		t.same = append(t.same, -1)
		if b := seen[i].Box; finite(b) && b.Width() > 0 && b.Height() > 0 {
			t.free = append(t.free, i)
		}
	}
	slices.SortStableFunc(t.free, func(a, b int) int { return cmp.Compare(seen[b].Score, seen[a].Score) })
	kept := t.free[:0]
	for _, i := range t.free {
		k := slices.IndexFunc(kept, func(k int) bool { return IoU(seen[k].Box, seen[i].Box) >= overlapTwin })
		if k < 0 {
			kept = append(kept, i)
			continue
		}
		t.same[i] = kept[k]
		t.second = append(t.second, i)
	}
	t.free = kept
}

// vote counts what an object's observation, and those in its place that no other
// object has, say of its class.
func (t *Tracker) vote(o *object, seen []Observation) {
	o.votes[seen[o.at].Class] += seen[o.at].Score
	for i, stronger := range t.same {
		if stronger == o.at && seen[i].Class != seen[o.at].Class {
			o.votes[seen[i].Class] += seen[i].Score
		}
	}
	o.elect()
}

// elect settles the class that votes give an object.
func (o *object) elect() {
	leader, lead := o.Class, o.votes[o.Class]*changeBy
	if o.ID == 0 { // nobody knows its class yet
		lead = o.votes[o.Class]
	}
	for class, v := range o.votes {
		if v > lead || v == lead && class < leader && o.ID == 0 {
			leader, lead = class, v
		}
	}
	o.Class, o.Contested = leader, false
	for class, v := range o.votes {
		if class != leader && v >= contested*o.votes[leader] {
			o.Contested = true
		}
	}
}

// merge makes one object of two that have been in one place for a while: the
// older keeps its number and takes the other's votes.
func (t *Tracker) merge() {
	for k := range t.objects {
		t.watch(k)
	}
	t.drop(func(o *object) bool {
		a := o.twin
		if a == nil || a.gone || o.twinFrames < twinFrames || t.now-o.twinSince < o.twinTime() {
			return false
		}
		a.absorb(o)
		o.Into = a.ID
		return true
	})
	for _, o := range t.objects {
		if o.twin != nil && o.twin.gone {
			o.twin = nil
		}
	}
}

// twinTime is how long an object must lie on its twin to be merged with it.
func (o *object) twinTime() time.Duration {
	x, y := o.twin.Box.Center()
	fromX, fromY := o.twinFrom.Center()
	if (o.First-o.twin.First).Abs() <= twinAge || math.Hypot(x-fromX, y-fromY) >= twinMove*sizeOf(o.Box) {
		return twinAfter
	}
	return twinStill
}

// waits tells whether a new object may yet turn out to be a known one.
func (t *Tracker) waits(o *object) bool { return o.twin != nil && t.now-o.twinSince < twinAge }

// watch notes which object an object lies on, and since when: a numbered one
// rather than one that is not, an older rather than a younger.
func (t *Tracker) watch(k int) {
	o := t.objects[k]
	together := func(a *object, least float64) bool {
		return (o.Seen || a.Seen) && o.missed <= twinMissed && a.missed <= twinMissed && IoU(o.Box, a.Box) >= least
	}
	if o.twin != nil && !together(o.twin, overlapPart) {
		o.twin = nil
	}
	if o.twin != nil {
		o.twinFrames++
		return
	}
	for i, a := range t.objects {
		if senior := a.ID > 0 && o.ID == 0 || i < k && (a.ID > 0) == (o.ID > 0); senior && together(a, overlapTwin) {
			o.twin, o.twinSince, o.twinFrom, o.twinFrames = a, t.now, a.Box, 1
			return
		}
	}
}

// absorb takes over what is known of a twin.
func (o *object) absorb(twin *object) {
	for class, v := range twin.votes {
		o.votes[class] += v
	}
	o.elect()
	o.Best = max(o.Best, twin.Best)
	if twin.Last > o.Last || twin.Seen && !o.Seen {
		o.filter, o.Box, o.Score, o.Seen, o.Last, o.at, o.missed = twin.filter, twin.Box, twin.Score, twin.Seen, twin.Last, twin.at, twin.missed
	}
}
