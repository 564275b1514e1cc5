package main

import (
	"strings"
	"testing"

	"example.com/riffle"
	"example.com/riffle/models"
	"example.com/riffle/nn"
)

// What --quality chooses where nothing else is said, and what wins over it.
func TestQuality(t *testing.T) {
	t.Chdir(put(t, map[string][]byte{"a.png": pngBytes(t, picture(64, 48))}))
	balanced := 352
	if nn.Int8Dots("") {
		balanced = 448
	}
	for _, c := range []struct {
		args  []string
		model string
		side  int
	}{
		{nil, models.Default, balanced},
		{[]string{"--quality", "fast"}, models.Small, 256},
		{[]string{"--quality", "best"}, models.Default, 480},
		{[]string{"--precision", "float32"}, models.Default, 352},
		{[]string{"--quality", "best", "--size", "320"}, models.Default, 320},
		{[]string{"--quality", "best", "--model", models.Small}, models.Small, 256},
	} {
		r := command(t, append([]string{"detect", "a.png", "--json"}, c.args...)...)
		if r.code != 0 {
			t.Fatal(c.args, r.err)
		}
		if got := parsePhotos(t, r.out)[0].Model; got != c.model {
			t.Errorf("%v: model %s, want %s", c.args, got, c.model)
		}
	}
	for args, want := range map[string]string{
		"--quality bests": `--quality must be one of "fast","balanced","best" but got "bests"`,
		"--size 100":      "--size must be a multiple of 32 up to 2048, not 100",
		"--size 4096":     "--size must be a multiple of 32 up to 2048, not 4096",
		"--size=-32":      "--size must be a multiple of 32",
	} {
		command(t, append([]string{"detect", "a.png"}, strings.Fields(args)...)...).wantError(t, 2, want)
	}
	t.Setenv("RIFFLE_QUALITY", "fast")
	if got := parsePhotos(t, command(t, "detect", "a.png", "--json").out)[0].Model; got != models.Small {
		t.Errorf("RIFFLE_QUALITY=fast: %s", got)
	}
}

// The size and the precision that the library takes.
func TestQualityOfLibrary(t *testing.T) {
	dots := nn.Int8Dots("")
	fast, err := nn.Int8Fast("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model string
		o     riffle.Options
		side  int
		int8  bool
	}{
		{"", riffle.Options{}, map[bool]int{true: 448, false: 352}[dots], fast},
		{"", riffle.Options{Precision: riffle.Float32}, 352, false},
		{"", riffle.Options{Quality: riffle.Best}, 480, fast},
		{"", riffle.Options{Quality: riffle.Fast}, 256, fast},
		{"", riffle.Options{ISA: "generic"}, 352, false},
		{"", riffle.Options{Size: 96}, 96, fast},
		{models.Default, riffle.Options{}, 352, fast},
	} {
		d, err := riffle.Open(c.model, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if i := d.Info(); i.Width != c.side || (i.Precision == nn.Int8) != c.int8 {
			t.Errorf("%q, %+v: %d pixels in %v, want %d, int8 %v", c.model, c.o, i.Width, i.Precision, c.side, c.int8)
		}
		size, err := riffle.DecodeSize(c.model, c.o)
		if err != nil || size != d.DecodeSize() {
			t.Errorf("%q, %+v: decode size %v, %v, want %v", c.model, c.o, size, err, d.DecodeSize())
		}
	}
	if _, err := riffle.Open("", riffle.Options{Quality: 9}); err == nil || !strings.Contains(err.Error(), "quality(9) is unknown") {
		t.Error(err)
	}
	if _, err := riffle.ParseQuality("bests"); err == nil {
		t.Error("no error for an unknown quality")
	}
}
