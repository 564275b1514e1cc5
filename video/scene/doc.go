// Package scene tells from the paths of numbered objects what happens in front
// of a camera: objects come and go, enter zones and stay there, cross lines. It
// knows neither pictures nor trackers.
package scene
