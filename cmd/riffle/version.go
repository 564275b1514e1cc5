package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"example.com/riffle"
	"example.com/riffle/nn"
)

// version is set by a release build with -ldflags "-X main.version=v1.2.3", which
// may say more than the source knows, such as v1.2.3-rc1.
var version string

type versionCmd struct{}

// Run is called by kong.
func (versionCmd) Run(std stdio) error {
	_, err := fmt.Fprintln(std.out, longVersion())
	return err
}

// versionFlag is --version, which wins over whatever else is asked for.
type versionFlag bool

// BeforeReset is called by kong when the flag is given.
func (versionFlag) BeforeReset(app *kong.Kong) error { //nolint:unparam // kong wants hooks to have an error
	fmt.Fprintln(app.Stdout, longVersion())
	app.Exit(0)
	return nil
}

// shortVersion is the release.
func shortVersion() string { return cmp.Or(version, "v"+riffle.Version) }

// longVersion is the version with what matters in a bug report: commit, Go,
// platform and the kernels in use.
func longVersion() string {
	commit, dirty := "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+changes"
			}
		}
	}
	parts := []string{"riffle " + shortVersion()}
	if commit != "" {
		parts = append(parts, "commit "+commit[:min(12, len(commit))]+dirty)
	}
	cpus := nn.ISAs()
	parts = append(parts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH, cpus[len(cpus)-1]+" kernels")
	return strings.Join(parts, ", ")
}
