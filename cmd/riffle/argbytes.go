package main

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// File names need not be UTF-8, but kong takes arguments apart rune by rune, which
// replaces bytes that are none. So these bytes travel through it as runes of a
// private plane.
const bytePlane = 0x10FE00

// armor replaces bytes that are not UTF-8.
func armor(args []string) []string {
	armored := make([]string, len(args))
	for i, arg := range args {
		if utf8.ValidString(arg) {
			armored[i] = arg
			continue
		}
		var b strings.Builder
		for len(arg) > 0 {
			r, n := utf8.DecodeRuneInString(arg)
			if r == utf8.RuneError && n == 1 {
				r = bytePlane + rune(arg[0])
			}
			b.WriteRune(r)
			arg = arg[n:]
		}
		armored[i] = b.String()
	}
	return armored
}

// disarm puts the bytes back into every string of a value.
func disarm(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			disarm(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				disarm(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			disarm(v.Index(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(bare(v.String()))
		}
	}
}

func bare(s string) string {
	if !strings.ContainsFunc(s, isArmor) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isArmor(r) {
			b.WriteByte(byte(r - bytePlane))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isArmor(r rune) bool { return r >= bytePlane && r <= bytePlane+0xFF }
