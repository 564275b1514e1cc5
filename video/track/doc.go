// Package track follows objects over the frames of a video: it gives the same
// number to the same object for as long as it can be followed, through frames in
// which the detector missed it and behind what hides it for a moment.
//
// It works as SORT (Bewley et al., arXiv 1602.00763) and ByteTrack (Zhang et al.,
// arXiv 2110.06864) do: a Kalman filter says where each object should be now,
// boxes are given to objects so that they overlap most in all, and what the
// detector is unsure of may carry on a known object but not begin one. It differs
// from both in that time is counted in seconds, not in frames, since a camera
// loop leaves frames out; and in that a box of another class may carry on an
// object, whose class is what most of its boxes said.
//
// The package knows neither pictures nor networks.
package track
