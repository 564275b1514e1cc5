package suggest

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	labels := []string{"person", "dog", "cat", "traffic light", "cell phone", "tv", "teddy bear"}
	for word, want := range map[string]string{
		"persn":         "person",
		"Person":        "person",
		"traffic_light": "traffic light",
		"trafficlight":  "traffic light",
		"dgo":           "dog",
		"cell":          "cell phone",
		"zebra":         "",
		"t":             "tv",
		"q":             "",
		"":              "",
		"xy":            "",
	} {
		if got := Name(word, labels); got != want {
			t.Errorf("Name(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestNameTakesTheNearest(t *testing.T) {
	names := []string{"shufflenet_v2_x0.5", "shufflenet_v2_x1.0", "shufflenet_v2_x1.5"}
	if got := Name("shuflenet_v2_x1.0", names); got != names[1] {
		t.Errorf("got %q, want %q", got, names[1])
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"größe", "grosse", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestHint(t *testing.T) {
	if got := Hint("adr", []string{"addr", "model"}); got != `, did you mean "addr"?` {
		t.Errorf("near: %q", got)
	}
	if got := Hint("colour", []string{"model", "addr"}); got != " (known: addr, model)" {
		t.Errorf("far: %q", got)
	}
	if got := Hint("colour", strings.Fields("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1")); got != "" {
		t.Errorf("far and many: %q", got)
	}
}
