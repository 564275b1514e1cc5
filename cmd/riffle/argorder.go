package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// flagsFirst moves the flags of a command that takes a list of arguments before
// that list: kong ends the list at the first flag, but people write
// "detect a.jpg --json b.jpg".
func flagsFirst(parser *kong.Kong, args []string) []string {
	if len(args) == 0 {
		return args
	}
	var node *kong.Node
	for _, n := range parser.Model.Children {
		if n.Name == args[0] && len(n.Positional) > 0 {
			node = n
		}
	}
	if node == nil {
		return args
	}
	takesValue := valueFlags(node)
	flags, rest := []string{args[0]}, []string(nil)
	for i := 1; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(append(append(flags, "--"), rest...), args[i+1:]...)
		case arg == "-" || !strings.HasPrefix(arg, "-"):
			rest = append(rest, arg)
			continue
		}
		next := wantsNext(arg, takesValue)
		if next && i+1 == len(args) {
			return append(append(flags, rest...), arg) // for kong to say what is missing
		}
		flags = append(flags, arg)
		if next {
			i++
			flags = append(flags, args[i])
		}
	}
	return append(flags, rest...)
}

// valueFlags maps the flags of a command, as they are written, to whether they
// take a value.
func valueFlags(node *kong.Node) map[string]bool {
	takes := map[string]bool{}
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				takes["--"+name] = !f.IsBool()
			}
			if f.Short != 0 {
				takes["-"+string(f.Short)] = !f.IsBool()
			}
		}
	}
	return takes
}

// wantsNext tells whether the next argument is this flag's value. Short flags
// may stand together, "-jt 0.5", and the last may hold its value, "-jt0.5".
func wantsNext(arg string, takesValue map[string]bool) bool {
	if strings.HasPrefix(arg, "--") {
		return takesValue[arg] // "--name=value" is no flag's name
	}
	for i, r := range arg[1:] {
		if takesValue["-"+string(r)] {
			return i+1+len(string(r)) == len(arg)
		}
	}
	return false
}
