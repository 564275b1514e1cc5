package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// tableFiles are what --tables may write over its own earlier files.
var tableFiles = []string{"report.json", "report.md"}

// checkOutputs refuses to write a report over what eval reads, or over a file that
// is no report.
func (c *evalCmd) checkOutputs() error {
	inputs := []string{c.Annotations, c.Detections, c.Compare, c.ClassMap, c.Results}
	if c.HTML != "" {
		if same := sameFile(c.HTML, inputs); same != "" {
			return usagef("--html would overwrite %s", same)
		}
		if !isHTML(c.HTML) {
			return usagef("--html would overwrite %s, which is no HTML page", c.HTML)
		}
	}
	if c.Tables == "" {
		return nil
	}
	for _, name := range tableFiles {
		if same := sameFile(filepath.Join(c.Tables, name), inputs); same != "" {
			return usagef("--tables would overwrite %s", same)
		}
	}
	csv, err := filepath.Glob(filepath.Join(c.Tables, "*.csv"))
	if err != nil {
		return fmt.Errorf("--tables %s: %w", c.Tables, err)
	}
	for _, name := range csv {
		if same := sameFile(name, inputs); same != "" {
			return usagef("--tables might overwrite %s", same)
		}
	}
	return nil
}

// sameFile is the one of the files that path names too, "" if there is none.
func sameFile(path string, files []string) string {
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(files, func(f string) bool {
		other, err := os.Stat(f)
		return f != "" && err == nil && os.SameFile(st, other)
	})
	if i < 0 {
		return ""
	}
	return files[i]
}

// isHTML reports whether a file is a page, empty, no regular file or not there.
func isHTML(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() == 0 {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return true // writing it will say what is wrong
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	return bytes.HasPrefix(bytes.ToLower(bytes.TrimSpace(head[:n])), []byte("<!doctype html"))
}
