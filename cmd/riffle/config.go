package main

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"example.com/riffle/internal/suggest"
)

// configFile is the --config flag: the path of a YAML file whose keys are the
// flags of serve.
type configFile string

// BeforeResolve is called by kong when the flag or its variable is given,
// before values are settled.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	if path == "" {
		return nil
	}
	r, err := readConfig(path, commandNode(ctx.Model, "serve")) // health reads the same file
	if err != nil {
		return err
	}
	ctx.AddResolver(r)
	return nil
}

// commandNode is the command of a name, nil if there is none.
func commandNode(app *kong.Application, name string) *kong.Node {
	for _, n := range app.Children {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// notInConfig are the flags that make no sense in the file itself.
var notInConfig = map[string]bool{"help": true, "version": true, "config": true, "print-config": true}

func configKeys(node *kong.Node) (names []string, flags map[string]*kong.Flag) {
	flags = map[string]*kong.Flag{}
	for _, f := range node.Flags {
		if !notInConfig[f.Name] {
			names = append(names, f.Name)
			flags[f.Name] = f
		}
	}
	return names, flags
}

// configValues gives kong the file's values of flags that neither the command
// line nor the environment has set.
type configValues map[string]any

// Validate is part of kong.Resolver.
func (configValues) Validate(*kong.Application) error { return nil }

// Resolve is part of kong.Resolver.
func (v configValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if envName(flag) != "" {
		return nil, nil // the environment goes before the file
	}
	return v[flag.Name], nil
}

// videoConfigFile is --config of video: its flags, and the section "cameras".
type videoConfigFile string

// BeforeResolve is as configFile's.
func (videoConfigFile) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(videoConfigFile))
	if path == "" {
		return nil
	}
	r, err := readConfig(path, commandNode(ctx.Model, "video"), camerasSection)
	if err != nil {
		return err
	}
	ctx.AddResolver(r)
	return nil
}

// camerasSection is read by package video.
const camerasSection = "cameras"

// envName is the environment variable that sets the flag, "" if none does.
func envName(flag *kong.Flag) string {
	for _, e := range flag.Envs {
		if _, ok := os.LookupEnv(e); ok {
			return e
		}
	}
	return ""
}

// strayVariables lists what is set in the environment and looks like a misspelt
// variable of riffle's. Others that begin with RIFFLE_ are somebody else's: an
// orchestrator sets a few for a service of this name.
func strayVariables(app *kong.Application, environ []string) []string {
	known := map[string]bool{kernelVariable: true}
	for _, command := range app.Children {
		for _, f := range command.Flags {
			for _, e := range f.Envs {
				known[e] = true
			}
		}
	}
	names := slices.Sorted(maps.Keys(known))
	var stray []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "RIFFLE_") || known[name] {
			continue
		}
		if near := suggest.Name(strings.TrimPrefix(name, "RIFFLE_"), trimAll(names, "RIFFLE_")); near != "" {
			stray = append(stray, fmt.Sprintf("%s is not used, did you mean RIFFLE_%s?", name, near))
		}
	}
	return stray
}

// kernelVariable chooses the kernel set; package nn reads it.
const kernelVariable = "RIFFLE_CPU"

func trimAll(words []string, prefix string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strings.TrimPrefix(w, prefix)
	}
	return out
}

// readConfig reads the file and holds every key and value against the flags of
// the command, so that a mistake is reported with its line. Sections are keys that
// are no flags; somebody else reads them.
func readConfig(path string, node *kong.Node, sections ...string) (configValues, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, fileError(err))
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	values, met := configValues{}, map[string]bool{}
	if len(doc.Content) == 0 {
		return values, nil // empty, or only comments
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return values, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want \"name: value\" lines", path, root.Line)
	}
	names, flags := configKeys(node)
	names = append(names, sections...)
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		flag := flags[key.Value]
		if flag == nil && !slices.Contains(sections, key.Value) {
			return nil, fmt.Errorf("%s:%d: unknown key %q%s", path, key.Line, key.Value, suggest.Hint(key.Value, names))
		}
		if met[key.Value] {
			return nil, fmt.Errorf("%s:%d: duplicate key %q", path, key.Line, key.Value)
		}
		met[key.Value] = true
		if flag == nil {
			continue
		}
		v, err := configValue(flag, value)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", path, value.Line, key.Value, err)
		}
		values[key.Value] = v
	}
	return values, nil
}

// configValue takes what the flag would take on the command line: one value, or
// for a flag that may be repeated also a list.
func configValue(flag *kong.Flag, n *yaml.Node) (any, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	isList := flag.Target.Kind() == reflect.Slice
	var v any
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, errors.New("has no value")
	case n.Kind == yaml.ScalarNode && isList:
		v = []any{n.Value}
	case n.Kind == yaml.ScalarNode:
		v = n.Value
	case n.Kind == yaml.SequenceNode && isList:
		list := []any{}
		for _, e := range n.Content {
			if e.Kind != yaml.ScalarNode || e.Tag == "!!null" {
				return nil, errors.New("wants a list of plain values")
			}
			list = append(list, e.Value)
		}
		v = list
	case isList:
		return nil, errors.New("wants a value or a list of values")
	default:
		return nil, errors.New("wants a single value")
	}
	// A trial: kong would report the mistake without the line, and one in a list
	// with all of the list.
	if list, ok := v.([]any); ok {
		for _, e := range list {
			if u, ok := reflect.New(flag.Target.Type().Elem()).Interface().(encoding.TextUnmarshaler); ok {
				if err := u.UnmarshalText([]byte(e.(string))); err != nil {
					return nil, err
				}
			}
		}
	}
	target := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(v, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, target); err != nil {
		return nil, err
	}
	if flag.Enum != "" && !flag.EnumMap()[fmt.Sprint(target.Interface())] {
		return nil, fmt.Errorf("is %q, want one of %s", n.Value, strings.ReplaceAll(flag.Enum, ",", ", "))
	}
	return v, nil
}

// printConfig writes the values in force as a configuration file, each with
// where it comes from. Secrets are left out.
func printConfig(w io.Writer, ctx *kong.Context) error {
	source := map[string]string{}
	for _, p := range ctx.Path {
		if p.Flag == nil {
			continue
		}
		source[p.Flag.Name] = "command line"
		if p.Resolved {
			source[p.Flag.Name] = "configuration file"
		}
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	names, flags := configKeys(ctx.Selected())
	for _, name := range names {
		f := flags[name]
		comment := source[name]
		if env := envName(f); comment == "" && env != "" {
			comment = env
		}
		if comment == "" {
			comment = "default"
		}
		value := &yaml.Node{}
		if err := value.Encode(plainValue(f.Target)); err != nil {
			return err
		}
		if name == "api-key" {
			if n := len(value.Content); n > 0 {
				comment += fmt.Sprintf(", %d not shown", n)
			}
			hideKeys(value)
		}
		value.Style |= yaml.FlowStyle
		value.LineComment = comment
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
	}
	enc := yaml.NewEncoder(w)
	if err := enc.Encode(root); err != nil {
		return err
	}
	return enc.Close()
}

// hideKeys leaves empty keys, which serve refuses: a printed configuration that
// is used as it is must not open the service to all.
func hideKeys(list *yaml.Node) {
	for _, key := range list.Content {
		*key = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle}
	}
}

// plainValue is a flag's value as the file would spell it.
func plainValue(v reflect.Value) any {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	if v.Kind() == reflect.Slice && v.IsNil() {
		return []string{}
	}
	return v.Interface()
}
