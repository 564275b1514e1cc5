// Command riffle finds objects in photos: as a program that reads files
// ("riffle detect"), as an HTTP service ("riffle serve"), and with the tools to
// judge it ("riffle eval", "riffle bench", "riffle models"). The network and its
// weights are in the binary.
//
// Exit codes: 0 fine; 1 something failed, said on standard error in one line;
// 2 wrong usage.
package main

import (
	"os"

	"example.com/riffle/nn"
)

func main() {
	nn.PinHelpers(true) // the CPUs are this program's own
	os.Exit(run(os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}
