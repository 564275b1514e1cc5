package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"example.com/riffle"
	"example.com/riffle/internal/suggest"
	"example.com/riffle/models"
	"example.com/riffle/nn"
)

// cli is the command line. Kong reads it out of the struct tags.
type cli struct {
	Detect   detectCmd   `cmd:"" help:"Detect objects in photos."`
	Classify classifyCmd `cmd:"" help:"Classify photos: what each shows as a whole."`
	Segment  segmentCmd  `cmd:"" help:"Segment photos: a class for every pixel."`
	Serve    serveCmd    `cmd:"" help:"Serve detections over HTTP."`
	Video    videoCmd    `cmd:"" help:"Track objects in camera streams and files."`
	Health   healthCmd   `cmd:"" help:"Check that a running service accepts requests."`
	Eval     evalCmd     `cmd:"" help:"Score a model on labeled photos: COCO's twelve numbers."`
	Bench    benchCmd    `cmd:"" help:"Time a network on this machine."`
	Models   modelsCmd   `cmd:"" help:"List the models in this binary, or import one from PyTorch."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	ShowVersion versionFlag `name:"version" short:"V" help:"Print the version and exit."`
}

// stdio are the streams of a run; tests put buffers there.
type stdio struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// usageError is the caller's mistake on the command line: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errTold ends a run with exit code 1 whose failures are on standard error
// already.
var errTold = errors.New("failed")

// exit unwinds the stack out of kong, whose help flag wants to end the process.
type exit int

// run is the whole program but for the process around it.
func run(args []string, std stdio) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	out := &watchedWriter{Writer: std.out}
	std.out = out
	err := parseAndRun(args, std)
	if out.err != nil && (err == nil || errors.Is(err, out.err)) {
		err = fmt.Errorf("standard output: %w", plainIO(out.err))
	}
	return report(std.err, err)
}

// report says an error in one line and returns the exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, errTold) {
		fmt.Fprintf(w, "riffle: %s\n", oneLine(err.Error()))
	}
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func oneLine(s string) string {
	return printable(strings.Join(strings.FieldsFunc(s, isBreak), "; "))
}

func isBreak(r rune) bool { return r == '\n' || r == '\r' }

func newParser(c *cli, std stdio) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("riffle"),
		kong.Description("Detect objects in photos and video. One program, no GPU, nothing else to install."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(std),
		kong.Vars{"defaultModel": models.Default, "maxThreads": strconv.Itoa(riffle.MaxThreads),
			"precisions": strings.Join(nn.Precisions(), ","), "calibrationExt": models.CalibrationExt},
	)
}

func parseAndRun(args []string, std stdio) error {
	var c cli
	parser, err := newParser(&c, std)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "help" { // as git and go spell it
		args = append(args[1:], "--help")
	}
	if len(args) == 0 {
		if ctx, err := kong.Trace(parser, nil); err == nil {
			ctx.Stdout = std.err
			_ = ctx.PrintUsage(false)
		}
		panic(exit(2))
	}
	ctx, err := parser.Parse(flagsFirst(parser, armor(args)))
	disarm(reflect.ValueOf(&c))
	if err != nil {
		return usageError{errors.New(bare(explain(parser, args, err).Error()))}
	}
	return ctx.Run()
}

// explain rewrites those of kong's complaints that do not say what is wrong or
// what would be right.
func explain(parser *kong.Kong, args []string, err error) error {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil {
		return err
	}
	node := parse.Context.Selected()
	text := err.Error()
	switch {
	case node == nil && strings.HasPrefix(text, "unexpected argument "):
		word := firstWord(args)
		return fmt.Errorf("unknown command %q%s", word, suggest.Hint(word, commandNames(parser)))
	case strings.HasPrefix(text, "unknown flag --"):
		word, _, _ := strings.Cut(strings.TrimPrefix(text, "unknown flag "), ",")
		hint := suggest.Name(word, flagNames(parser, node))
		if hint == "" {
			return fmt.Errorf("unknown flag %s (%s --help lists them)", word, path(parser, node))
		}
		return fmt.Errorf("unknown flag %s, did you mean %s?", word, hint)
	case strings.HasPrefix(text, "expected "):
		return fmt.Errorf("%s (try %s --help)", text, path(parser, node))
	}
	return err
}

func firstWord(args []string) string {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

func path(parser *kong.Kong, node *kong.Node) string {
	if node == nil {
		return parser.Model.Name
	}
	return node.FullPath()
}

func commandNames(parser *kong.Kong) []string {
	var names []string
	for _, n := range parser.Model.Children {
		names = append(names, n.Name)
	}
	return names
}

func flagNames(parser *kong.Kong, node *kong.Node) []string {
	if node == nil {
		node = parser.Model.Node
	}
	var names []string
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			names = append(names, "--"+f.Name)
		}
	}
	return names
}

// watchedWriter remembers the first failure, so that a full disk behind
// standard output does not pass for success.
type watchedWriter struct {
	io.Writer
	err error
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil && w.err == nil {
		w.err = err
	}
	return n, err
}

// plainIO strips "write /dev/stdout:" and the like down to what happened.
func plainIO(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
