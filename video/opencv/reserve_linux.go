//go:build opencv && linux

package opencv

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// OpenCV does not say when a video cannot be written. So the file has room
// reserved ahead of what is written: the file system says at once when there is no
// more, and what is reserved is enough to complete the file, so that it plays.

const (
	reserveAhead = 8 << 20                // bytes
	reserveEvery = 250 * time.Millisecond // between looks at the file
)

// reserve keeps room in a file that another writes.
type reserve struct {
	f      *os.File
	until  int64 // reserved
	looked time.Time
	off    bool // the file system cannot
}

func newReserve(f *os.File) (*reserve, error) {
	r := &reserve{f: f}
	return r, r.ensure()
}

// ensure reserves more if the writer has come close to the end of what is
// reserved. It asks the file system four times a second at most.
func (r *reserve) ensure() error {
	now := time.Now()
	if r.off || now.Sub(r.looked) < reserveEvery {
		return nil
	}
	r.looked = now
	info, err := r.f.Stat()
	if err != nil {
		return err
	}
	if r.until-info.Size() > reserveAhead/2 {
		return nil
	}
	err = unix.Fallocate(int(r.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, info.Size(), reserveAhead)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL):
		r.off = true
		return nil
	case errors.Is(err, unix.EINTR):
		r.looked = time.Time{}
		return nil
	case err != nil:
		return err
	}
	r.until = info.Size() + reserveAhead
	return nil
}

// close gives back what is reserved and was not used.
func (r *reserve) close() error {
	info, err := r.f.Stat()
	if err == nil && !r.off {
		err = r.f.Truncate(info.Size())
	}
	return errors.Join(err, r.f.Close())
}
