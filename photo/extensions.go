package photo

import (
	"path/filepath"
	"slices"
	"strings"
)

// Extensions are those of the files that a folder is searched for. A file that is
// named itself may be called anything.
var Extensions = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// foreign are extensions of pictures that this package cannot read.
var foreign = []string{".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"}

// HasExtension reports whether a file is called like a photo.
func HasExtension(name string) bool { return slices.Contains(Extensions, extension(name)) }

// Unreadable reports whether a file is called like a photo of a kind that cannot
// be read, such as HEIC.
func Unreadable(name string) bool { return slices.Contains(foreign, extension(name)) }

func extension(name string) string { return strings.ToLower(filepath.Ext(name)) }
