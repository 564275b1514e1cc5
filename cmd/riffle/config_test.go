package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// printed runs serve --print-config and returns its lines by key, without the
// comment's mark.
func printed(t *testing.T, args ...string) map[string]string {
	t.Helper()
	r := command(t, append([]string{"serve", "--print-config"}, args...)...)
	if r.code != 0 || r.err != "" {
		t.Fatalf("code %d, stderr %q", r.code, r.err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(r.out) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("line %q is no key and value", line)
		}
		lines[key] = value
	}
	return lines
}

func TestWhereConfigurationComesFrom(t *testing.T) {
	file := filepath.Join(put(t, map[string][]byte{"riffle.yaml": []byte(`
# comment
addr: 127.0.0.1:1
queue: 3
max-body: 1MB
timeout: 7s
allow-origin: [https://a.example, "https://b.example"]
model: riffle-v2-1.5x
`)}), "riffle.yaml")
	t.Setenv("RIFFLE_QUEUE", "4")
	t.Setenv("RIFFLE_GRACE", "9s")
	t.Setenv("RIFFLE_WORKERS", "5")
	got := printed(t, "--config", file, "--workers", "6", "--timeout=8s")
	for key, want := range map[string]string{
		"addr":         "127.0.0.1:1 # configuration file",
		"queue":        "4 # RIFFLE_QUEUE",
		"grace":        "9s # RIFFLE_GRACE",
		"workers":      "6 # command line",
		"timeout":      "8s # command line",
		"max-body":     `"1000000" # configuration file`,
		"max-header":   "64KiB # default",
		"allow-origin": "['https://a.example', 'https://b.example'] # configuration file",
		"model":        "[riffle-v2-1.5x] # configuration file",
		"tls-cert":     `"" # default`,
	} {
		if got[key] != want {
			t.Errorf("%s: %s, want %s", key, got[key], want)
		}
	}

	t.Setenv("RIFFLE_CONFIG", file)
	if got := printed(t)["addr"]; got != "127.0.0.1:1 # configuration file" {
		t.Errorf("with RIFFLE_CONFIG: addr %s", got)
	}
}

func TestPrintedConfigurationIsAConfiguration(t *testing.T) {
	first := command(t, "serve", "--print-config", "--addr", "[::1]:80", "--threshold", "0.25", "--allow-origin", "*")
	if first.code != 0 {
		t.Fatal(first.err)
	}
	file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(first.out)}), "c.yaml")
	a := printed(t, "--addr", "[::1]:80", "--threshold", "0.25", "--allow-origin", "*")
	b := printed(t, "--config", file)
	for key, value := range a {
		plain, _, _ := strings.Cut(value, " # ")
		again, source, _ := strings.Cut(b[key], " # ")
		if plain != again || source != "configuration file" && key != "api-key" {
			t.Errorf("%s: %s, read back as %s", key, value, b[key])
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Setenv("RIFFLE_API_KEY", "hunter2,swordfish")
	r := command(t, "serve", "--print-config")
	if strings.Contains(r.out, "hunter2") || strings.Contains(r.out, "swordfish") {
		t.Errorf("printed:\n%s", r.out)
	}
	if !strings.Contains(r.out, "api-key: [\"\", \"\"] # RIFFLE_API_KEY, 2 not shown\n") {
		t.Errorf("printed:\n%s", r.out)
	}
}

// A printed configuration with its keys left out does not open the service.
func TestPrintedConfigurationDoesNotLoseTheKey(t *testing.T) {
	t.Setenv("RIFFLE_API_KEY", "hunter2")
	first := command(t, "serve", "--print-config")
	file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(first.out)}), "c.yaml")
	if r := command(t, "serve", "--print-config", "--config", file); r.code != 0 {
		t.Errorf("with the variable: %s", r.err)
	}
	os.Unsetenv("RIFFLE_API_KEY")
	command(t, "serve", "--print-config", "--config", file).wantError(t, 2, "--api-key is empty")
}

// An empty key is a key that was forgotten, wherever it comes from.
func TestEmptyAPIKey(t *testing.T) {
	for _, yaml := range []string{`api-key: ""`, `api-key: [a, ""]`, `api-key: " "`} {
		file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(yaml + "\n")}), "c.yaml")
		command(t, "serve", "--print-config", "--config", file).wantError(t, 2, "--api-key is empty")
	}
	command(t, "serve", "--print-config", "--api-key=").wantError(t, 2, "--api-key is empty")
	for _, value := range []string{"", " ", ","} {
		t.Setenv("RIFFLE_API_KEY", value)
		command(t, "serve", "--addr", "127.0.0.1:0", "--log-level", "off").wantError(t, 2, "is empty")
	}
	t.Setenv("RIFFLE_API_KEY", "")
	file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte("api-key: secret\n")}), "c.yaml")
	command(t, "serve", "--print-config", "--config", file).wantError(t, 2, "RIFFLE_API_KEY is empty")
	if r := command(t, "serve", "--print-config", "--api-key", "secret"); r.code != 0 {
		t.Error(r.err)
	}
}

// What serve refuses --print-config refuses, too, in the same words.
func TestPrintConfigRefusesWhatServeRefuses(t *testing.T) {
	dir := put(t, map[string][]byte{"broken.safetensors": []byte("no weights"), "cert.pem": []byte("no certificate")})
	cert := filepath.Join(dir, "cert.pem")
	for _, args := range [][]string{
		{"--model", "riffle-v2-1.5"}, {"--model", filepath.Join(dir, "broken.safetensors")}, {"--model", filepath.Join(dir, "gone.safetensors")},
		{"--model", "riffle-v2-1.5x,riffle-v2-1.5x"}, {"--workers", "nobody=2"},
		{"--allow-origin", "example.com"}, {"--allow-url", "ftp://x"}, {"--allow-frame", "x"}, {"--trusted-proxy", "x"},
		{"--otlp-endpoint", "localhost"}, {"--debug-addr", "0.0.0.0:1"}, {"--max-memory", "1KiB"},
		{"--addr", "nonsense"}, {"--addr", ":99999"}, {"--tls-cert", cert, "--tls-key", cert}, {"--tls-cert", "gone.pem", "--tls-key", "gone.pem"},
	} {
		served := command(t, append([]string{"serve", "--log-level", "off"}, args...)...)
		printed := command(t, append([]string{"serve", "--print-config"}, args...)...)
		if served.code == 0 || printed.code != served.code || printed.err != served.err || printed.out != "" {
			t.Errorf("%v: serve %d %q, --print-config %d %q", args, served.code, served.err, printed.code, printed.err)
		}
	}
}

func TestConfigurationMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"addr: :80\nthreadz: 2\n":           `:2: unknown key "threadz", did you mean "threads"?`,
		"adr: :80\n":                        `:1: unknown key "adr", did you mean "addr"?`,
		"config: other.yaml\n":              `:1: unknown key "config"`,
		"threads: 2\n\nthreads: 3\n":        `:3: duplicate key "threads"`,
		"threads: many\n":                   `:1: threads: "many" is not an integer`,
		"threads:\n":                        `:1: threads: has no value`,
		"threads: [1, 2]\n":                 "--threads has two values for all models",
		"threads: [a=1, a=2]\n":             "--threads has two values for a",
		"threads: [1, =2]\n":                `:1: threads: "=2" has no model's name`,
		"max-wait: [1s, a=2]\n":             `:1: max-wait: "2" is not a time such as 250ms`,
		"addr: [a, b]\n":                    `:1: addr: wants a single value`,
		"timeout: 30\n":                     `:1: timeout: expected duration`,
		"max-body: 5 apples\n":              `:1: max-body: "5 apples" is not a number of bytes`,
		"model: [[a]]\n":                    `:1: model: wants a list of plain values`,
		"model: {a: b}\n":                   `:1: model: wants a value or a list of values`,
		"log-level: loud\n":                 `:1: log-level: is "loud", want one of debug, info, warn, error, off`,
		"- addr\n":                          `:1: want "name: value" lines`,
		"addr: [\n":                         `line 1`,
		"threshold: 2\n":                    "--threshold must be from 0 to 1, not 2",
		"workers: -1\n":                     "--workers must be at least 0, not -1",
		"addr: :80\ntls-key: key.pem\n":     "--tls-cert and --tls-key go together",
		"addr: &a x\nallow-origin: [*a, 1]": `wants a list of plain values`,
	} {
		t.Run(text, func(t *testing.T) {
			file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(text)}), "c.yaml")
			command(t, "serve", "--config", file, "--print-config").wantError(t, 2, want)
		})
	}
	command(t, "serve", "--config", "gone.yaml", "--print-config").
		wantError(t, 2, "configuration file gone.yaml: no such file or directory")
}

func TestEmptyConfiguration(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}\n"} {
		file := filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(text)}), "c.yaml")
		if r := command(t, "serve", "--config", file, "--print-config"); r.code != 0 {
			t.Errorf("%q: code %d, %s", text, r.code, r.err)
		}
	}
}

// Every flag of serve has the variable that the help promises.
func TestEveryServeFlagHasItsVariable(t *testing.T) {
	for _, f := range serveFlags(t) {
		if notInConfig[f.Name] {
			continue
		}
		want := "RIFFLE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if !reflect.DeepEqual(f.Envs, []string{want}) {
			t.Errorf("--%s reads %v, want %s", f.Name, f.Envs, want)
		}
	}
}

func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := newParser(&cli{}, stdio{out: os.Stdout, err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range parser.Model.Children {
		if n.Name == "serve" {
			return n.Flags
		}
	}
	t.Fatal("no serve command")
	return nil
}

func TestStrayVariables(t *testing.T) {
	parser, err := newParser(&cli{}, stdio{out: io.Discard, err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	got := strayVariables(parser.Model, []string{
		"PATH=/bin", "RIFFLE_ADDR=:80", "RIFFLE_CPU=avx2", "RIFFLE_ADR=:80", "RIFFLE_LOG_LEVL=debug",
		// What Kubernetes sets for a service called riffle:
		"RIFFLE_PORT=tcp://10.0.0.1:80", "RIFFLE_SERVICE_HOST=10.0.0.1", "RIFFLE_SERVICE_PORT=80", "RIFFLE_PORT_80_TCP_PROTO=tcp",
	})
	want := []string{"RIFFLE_ADR is not used, did you mean RIFFLE_ADDR?", "RIFFLE_LOG_LEVL is not used, did you mean RIFFLE_LOG_LEVEL?"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "4096": 4096, "1B": 1, "32MiB": 32 << 20, "32 mib": 32 << 20, "10MB": 10e6, "10kb": 10e3, "2G": 2 << 30, "7K": 7 << 10,
	} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q is %d, %v; want %d", text, b, err, want)
		}
		var again byteSize
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Errorf("%q prints as %q, which reads as %d, %v", text, b, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MB", "5 apples", "99999999999999GiB"} {
		var b byteSize
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %d", text, b)
		}
	}
}
