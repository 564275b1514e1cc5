// Package video is the camera loop: frames in, numbered objects and events out.
//
// Each camera has three goroutines and one frame in flight in each. One captures
// and leaves the newest frame in a mailbox of one, so that a slow detector never
// works through a queue of old ones; one looks, that is asks the motion gate and
// the detector and follows objects; one draws, writes, and emits events.
// Frames go around between them and are never copied or allocated anew.
//
// All that touches a video library stands behind [Backend]; package
// example.com/riffle/video/opencv is one. So this package needs no cgo, and its tests run
// with cameras that fail on command.
package video
