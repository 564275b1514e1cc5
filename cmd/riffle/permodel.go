package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/riffle/internal/suggest"
)

// perModel is a setting of serve that each model may have for itself: a value
// for all, NAME=VALUE for one of them.
type perModel[T int | time.Duration] []modelValue[T]

type modelValue[T int | time.Duration] struct {
	model string // "" for all that are not named
	value T
}

// UnmarshalText reads VALUE or NAME=VALUE; names may have an "=" themselves.
func (v *modelValue[T]) UnmarshalText(text []byte) error {
	s := string(text)
	i := strings.LastIndexByte(s, '=')
	v.model = s[:max(i, 0)]
	if i == 0 {
		return fmt.Errorf("%q has no model's name before the =", s)
	}
	value := strings.TrimSpace(s[i+1:])
	var err error
	switch into := any(&v.value).(type) {
	case *int:
		if *into, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("%q is not an integer", value)
		}
	case *time.Duration:
		if *into, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("%q is not a time such as 250ms or 2s", value)
		}
	}
	return nil
}

// MarshalYAML is for --print-config: one value for all stands without a list.
func (p perModel[T]) MarshalYAML() (any, error) {
	if len(p) == 1 && p[0].model == "" {
		return p[0].plain(), nil
	}
	list := make([]any, len(p))
	for i, v := range p {
		list[i] = v.plain()
		if v.model != "" {
			list[i] = fmt.Sprintf("%s=%v", v.model, v.value)
		}
	}
	return list, nil
}

// plain is the value as a configuration file has it.
func (v modelValue[T]) plain() any {
	if s, ok := any(v.value).(fmt.Stringer); ok {
		return s.String()
	}
	return v.value
}

// check holds every value against the least that it may be, and takes one for
// each model.
func (p perModel[T]) check(flag string, least T) error {
	seen := map[string]bool{}
	for _, v := range p {
		switch {
		case v.value < least:
			return fmt.Errorf("--%s must be at least %v, not %v", flag, least, v.value)
		case seen[v.model]:
			return fmt.Errorf("--%s has two values for %s", flag, cmp.Or(v.model, "all models"))
		}
		seen[v.model] = true
	}
	return nil
}

// known checks that the names are those of models on offer.
func (p perModel[T]) known(flag string, names []string) error {
	for _, v := range p {
		if v.model != "" && !slices.Contains(names, v.model) {
			return usagef("--%s: no model %q here%s", flag, v.model, suggest.Hint(v.model, names))
		}
	}
	return nil
}

// of is a model's value.
func (p perModel[T]) of(model string) (value T) {
	for _, v := range p {
		if v.model == model {
			return v.value
		}
		if v.model == "" {
			value = v.value
		}
	}
	return value
}
