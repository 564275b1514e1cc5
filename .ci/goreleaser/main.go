// Command goreleaser reads a configuration of goreleaser as goreleaser does,
// without the rest of it: a key that it does not know is an error.
package main

import (
	"fmt"
	"os"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

func main() {
	for _, path := range os.Args[1:] {
		if _, err := config.Load(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}
