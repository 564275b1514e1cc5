package nn

import (
	"errors"
	"fmt"
)

// ErrTensor is what errors wrap that name a tensor: missing, of a wrong shape, or
// not what the file says of it.
var ErrTensor = errors.New("wrong tensor")

// tensorError has a text of its own and is ErrTensor besides.
type tensorError struct{ error }

func (e *tensorError) Is(target error) bool { return target == ErrTensor }
func (e *tensorError) Unwrap() error        { return e.error }

func tensorErrorf(format string, args ...any) error {
	return &tensorError{fmt.Errorf("weights: tensor "+format, args...)}
}
