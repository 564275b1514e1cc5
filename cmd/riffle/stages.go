package main

// stageFlag is --first-stage-only of the commands that detect for use.
type stageFlag struct {
	FirstStageOnly bool `env:"RIFFLE_FIRST_STAGE_ONLY" help:"Leave a two-stage detector's second stage out: a little faster, and boxes are placed a little worse."`
}
