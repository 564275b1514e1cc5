// Command figures holds the numbers that README, cards and documents repeat, so
// that they cannot differ: figures.json has each value with the command, machine,
// date and commit it comes from, places.txt the lines that repeat it.
//
//	go run ./bench/figures                      # print all, fail where a document says something else
//	go run ./bench/figures -write               # put the values into the documents
//	go run ./bench/figures -measure ../shared   # run the evaluations again, then write
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// group is what one command measured on one occasion.
type group struct {
	Command string             `json:"command"`
	Args    []string           `json:"args,omitempty"` // of riffle eval, if -measure can repeat it
	Machine string             `json:"machine"`
	Date    string             `json:"date"`
	Commit  string             `json:"commit"`
	Values  map[string]float64 `json:"values"`
}

const dir = "bench/figures"

func main() {
	write := flag.Bool("write", false, "put the values into the documents")
	measure := flag.String("measure", "", "folder with data/val: run the evaluations again")
	flag.Parse()
	if err := run(os.Stdout, *write, *measure); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, write bool, shared string) error {
	groups, err := readGroups(".")
	if err != nil {
		return err
	}
	if shared != "" {
		if err := remeasure(groups, shared); err != nil {
			return err
		}
		if err := writeGroups(groups); err != nil {
			return err
		}
		write = true
	}
	print(out, groups)
	wrong, err := apply(".", groups, write)
	if err != nil {
		return err
	}
	for _, w := range wrong {
		fmt.Fprintln(out, w)
	}
	if len(wrong) > 0 && !write {
		return fmt.Errorf("%d lines of documents say something else", len(wrong))
	}
	return nil
}

func readGroups(root string) (map[string]*group, error) {
	text, err := os.ReadFile(filepath.Join(root, dir, "figures.json"))
	if err != nil {
		return nil, err
	}
	var groups map[string]*group
	return groups, json.Unmarshal(text, &groups)
}

func writeGroups(groups map[string]*group) error {
	text, err := json.MarshalIndent(groups, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "figures.json"), append(text, '\n'), 0o644)
}

func print(w io.Writer, groups map[string]*group) {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g := groups[name]
		fmt.Fprintf(w, "%s: %s (%s, %s, %s)\n", name, g.Command, g.Machine, g.Date, g.Commit)
		for _, key := range slices.Sorted(maps.Keys(g.Values)) {
			fmt.Fprintf(w, "  %-10s %g\n", key, g.Values[key])
		}
	}
}

// place is a line of a document that repeats values: {group.key} with one digit
// behind the point, or as many as {group.key:2} says.
type place struct{ file, template string }

func readPlaces(root string) ([]place, error) {
	text, err := os.ReadFile(filepath.Join(root, dir, "places.txt"))
	if err != nil {
		return nil, err
	}
	var places []place
	file := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "== "):
			file = line[3:]
		default:
			places = append(places, place{file, line})
		}
	}
	return places, nil
}

var slot = regexp.MustCompile(`\{([a-z0-9.-]+)\.([A-Za-z0-9_]+)(?::(\d))?\}`)

// fill puts values into a template and makes the pattern that finds the line,
// whatever its numbers.
func (p place) fill(groups map[string]*group) (line string, pattern *regexp.Regexp, err error) {
	expr, last := "", 0
	for _, m := range slot.FindAllStringSubmatchIndex(p.template, -1) {
		between := p.template[last:m[0]]
		name, key, digits := p.template[m[2]:m[3]], p.template[m[4]:m[5]], 1
		if m[6] >= 0 {
			digits, _ = strconv.Atoi(p.template[m[6]:m[7]])
		}
		g := groups[name]
		if g == nil {
			return "", nil, fmt.Errorf("%s: no group %q", p.file, name)
		}
		v, ok := g.Values[key]
		if !ok {
			return "", nil, fmt.Errorf("%s: %s has no %q", p.file, name, key)
		}
		line += between + strconv.FormatFloat(v, 'f', digits, 64)
		expr += regexp.QuoteMeta(between) + `-?[0-9.]+`
		last = m[1]
	}
	line += p.template[last:]
	expr += regexp.QuoteMeta(p.template[last:])
	pattern, err = regexp.Compile(expr)
	return line, pattern, err
}

// apply compares all places with the values, and puts them in with write.
func apply(root string, groups map[string]*group, write bool) (wrong []string, err error) {
	places, err := readPlaces(root)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		line, pattern, err := p.fill(groups)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(root, p.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		found := pattern.FindAllString(string(text), -1)
		switch {
		case len(found) == 0:
			return nil, fmt.Errorf("%s has no line like %q", p.file, p.template)
		case !slices.ContainsFunc(found, func(s string) bool { return s != line }):
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%s: %q should be %q", p.file, found[0], line))
		if write {
			text = pattern.ReplaceAllLiteral(text, []byte(line))
			if err := os.WriteFile(path, text, 0o644); err != nil {
				return nil, err
			}
		}
	}
	return wrong, nil
}
