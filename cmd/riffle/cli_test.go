package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"camera 0", `unknown command "camera" (known: bench, classify, detect, eval, health, models, segment, serve, version, video)`},
		{"video", "give a camera, file or address, or a --config with cameras"},
		{"video 0 --threshold 0", "--threshold must be more than 0"},
		{"video 0 --motion-share 1", "--motion-share must be more than 0"},
		{"video 0 --stall 0s", "--stall must be positive"},
		{"video 0 --codec h264x", "--codec wants four letters"},
		{"video 0 --every-frames", "unknown flag --every-frames, did you mean --every-frame?"},
		{"detct a.jpg", `unknown command "detct", did you mean "detect"?`},
		{"detect", `expected "<photo> ..." (try riffle detect --help)`},
		{"detect a.jpg --thresold 0.5", "unknown flag --thresold, did you mean --threshold?"},
		{"detect a.jpg --out", "--out: "},
		{"detect a.jpg --colour", "unknown flag --colour (riffle detect --help lists them)"},
		{"--versio", "unknown flag --versio, did you mean --version?"},
		{"detect a.jpg --threshold 1.5", "--threshold must be from 0 to 1, not 1.5"},
		{"detect a.jpg --threshold nan", "--threshold must be from 0 to 1, not NaN"},
		{"detect a.jpg --threshold high", "--threshold"},
		{"detect a.jpg --max-detections 0", "--max-detections must be positive"},
		{"detect - -", "standard input can be read only once"},
		{"bench", `missing flags: --arch=NAME`},
		{"bench --arch shufflenet_v2_x1.0 --runs 0", "must be positive"},
		{"bench --arch shufflenet_v2_x1.0 --cpu sse9", "sse9: unknown here, this processor runs generic"},
		{"bench --arch shuflenet_v2_x1.0", `unknown architecture "shuflenet_v2_x1.0", did you mean "shufflenet_v2_x1.0"?`},
		{"serve --queue=-2", "--queue must be at least -1, not -2"},
		{"serve --timeout 0s", "--timeout must be positive"},
		{"serve --timeout 60s", "--write-timeout (1m30s) must be more than --read-timeout and --timeout together (1m30s)"},
		{"serve --max-body much", `"much" is not a number of bytes`},
		{"serve --tls-cert a.pem", "--tls-cert and --tls-key go together"},
		{"serve --log-level loud", `--log-level must be one of`},
		{"serve extra", "unexpected argument extra"},
	} {
		t.Run(c.args, func(t *testing.T) {
			command(t, strings.Fields(c.args)...).wantError(t, 2, c.want)
		})
	}
}

func TestFlagsMayStandBetweenPhotos(t *testing.T) {
	parser, err := newParser(&cli{}, stdio{out: io.Discard, err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"detect a b":                      "detect a b",
		"detect a --json b":               "detect --json a b",
		"detect a --out o b -t 0.5 c":     "detect --out o -t 0.5 a b c",
		"detect a --out=o b -t0.5 c -j -": "detect --out=o -t0.5 -j a b c -",
		"detect a -jt 0.5 b -jr c":        "detect -jt 0.5 -jr a b c",
		"detect a -j -- --json b":         "detect -j -- a --json b",
		"detect a --unknown b":            "detect --unknown a b",
		"detect a --out":                  "detect a --out",
		"bench --arch a b --json":         "bench --arch a b --json",
		"--version detect":                "--version detect",
	} {
		if got := strings.Join(flagsFirst(parser, strings.Fields(in)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestWithoutArgumentsTheHelpComesAsAnError(t *testing.T) {
	r := command(t)
	if r.code != 2 || r.out != "" || !strings.HasPrefix(r.err, "Usage: riffle <command>") {
		t.Errorf("code %d, stdout %q, stderr %q", r.code, r.out, r.err)
	}
}

func TestHelp(t *testing.T) {
	top := command(t, "--help")
	if top.code != 0 || top.err != "" {
		t.Errorf("--help: code %d, stderr %q", top.code, top.err)
	}
	if r := command(t, "help"); r != top {
		t.Errorf("riffle help gives something else than riffle --help: %v", r)
	}
	if r := command(t, "help", "detect"); r != command(t, "detect", "--help") {
		t.Errorf("riffle help detect gives something else than riffle detect --help: %v", r)
	}
	for _, name := range []string{"detect", "serve", "video", "health", "eval", "bench", "models", "version"} {
		if !strings.Contains(top.out, "\n  "+name+" ") {
			t.Errorf("--help does not list %q", name)
		}
		r := command(t, name, "--help")
		if r.code != 0 || r.err != "" || !strings.HasPrefix(r.out, "Usage: riffle "+name) {
			t.Errorf("%s --help: code %d, stderr %q, starts %.40q", name, r.code, r.err, r.out)
		}
		if name != "version" && !strings.Contains(r.out, "\n    riffle "+name) {
			t.Errorf("%s --help has no example:\n%s", name, r.out)
		}
		if strings.Contains(r.out, "${") {
			t.Errorf("%s --help has a variable that nobody filled in:\n%s", name, r.out)
		}
	}
}

func TestVersion(t *testing.T) {
	flag, command := command(t, "--version"), command(t, "version")
	if flag.code != 0 || command.code != 0 || flag.out != command.out {
		t.Errorf("--version %q (%d), version %q (%d)", flag.out, flag.code, command.out, command.code)
	}
	if !strings.HasPrefix(flag.out, "riffle ") || !strings.Contains(flag.out, " kernels\n") {
		t.Errorf("version is %q", flag.out)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestAFullDiskBehindStandardOutputIsAFailure(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	var errs strings.Builder
	code := run([]string{"version"}, stdio{out: failingWriter{full}, err: &errs})
	if code != 1 || errs.String() != "riffle: standard output: no space left on device\n" {
		t.Errorf("code %d, stderr %q", code, errs.String())
	}
}

func TestDetectStopsWhenNobodyReads(t *testing.T) {
	dir := put(t, map[string][]byte{"a.png": pngBytes(t, picture(64, 48)), "b.png": pngBytes(t, picture(64, 48))})
	gone := &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
	for _, args := range [][]string{{"detect", dir}, {"detect", "--json", dir}} {
		var errs strings.Builder
		code := run(args, stdio{out: failingWriter{gone}, err: &errs})
		if code != 1 || errs.String() != "riffle: standard output: broken pipe\n" {
			t.Errorf("%v: code %d, stderr %q", args, code, errs.String())
		}
	}
}

func TestReportIsOneLine(t *testing.T) {
	var b strings.Builder
	if code := report(&b, errors.New("first\nsecond")); code != 1 || b.String() != "riffle: first; second\n" {
		t.Errorf("code %d, %q", code, b.String())
	}
	if code := report(io.Discard, usagef("wrong")); code != 2 {
		t.Errorf("usage error gives code %d", code)
	}
	b.Reset()
	if code := report(&b, errTold); code != 1 || b.Len() > 0 {
		t.Errorf("told error: code %d, %q", code, b.String())
	}
}
