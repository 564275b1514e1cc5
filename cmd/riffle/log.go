package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

type logFlags struct {
	LogFormat string `group:"Log:" default:"auto" enum:"auto,console,json" env:"RIFFLE_LOG_FORMAT" placeholder:"FORMAT" help:"console for people, json for programs, auto for console on a terminal and json elsewhere (${default})."`
	LogLevel  string `group:"Log:" default:"info" enum:"debug,info,warn,error,off" env:"RIFFLE_LOG_LEVEL" placeholder:"LEVEL" help:"debug, info, warn, error or off (${default})."`
}

// logger writes to w, which is standard error but for tests.
func (f *logFlags) logger(w io.Writer) zerolog.Logger {
	terminal := isTerminal(w)
	if f.LogFormat == "console" || f.LogFormat == "auto" && terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !terminal || os.Getenv("NO_COLOR") != ""}
	}
	level, err := zerolog.ParseLevel(f.LogLevel)
	if f.LogLevel == "off" || err != nil {
		level = zerolog.Disabled
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
