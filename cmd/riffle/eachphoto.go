package main

import "fmt"

// eachPhoto looks at photos as they are decoded. One that cannot be read or looked
// at is reported, and the others are looked at all the same. It ends early only
// where nobody reads on: the output is closed, or its disk is full.
func eachPhoto(std stdio, photos <-chan decoded, look func(in decoded) error) error {
	failed := false
	for in := range photos {
		in.warn(std.err)
		err := in.err
		if err == nil {
			err = look(in)
		}
		if w, ok := std.out.(*watchedWriter); ok && w.err != nil {
			return w.err
		}
		if err != nil {
			failed = true
			fmt.Fprintf(std.err, "riffle: %s: %s\n", printable(in.path), oneLine(err.Error()))
		}
	}
	if failed {
		return errTold
	}
	return nil
}
