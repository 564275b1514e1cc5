package photo

import "os"

// Open reads the photo in a file. The error is that of the system, with the
// path, or wraps one of this package's.
func Open(path string, o Options) (*Photo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, o)
}
