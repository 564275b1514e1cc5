//go:build opencv && !linux

package opencv

import "os"

// reserve does nothing where no room can be reserved in a file.
type reserve struct{ f *os.File }

func newReserve(f *os.File) (*reserve, error) { return &reserve{f}, nil }
func (*reserve) ensure() error                { return nil }
func (r *reserve) close() error               { return r.f.Close() }
