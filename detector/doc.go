// Package detector turns the bytes of a photo into labelled boxes.
//
// The steps go one way: package photo decodes a picture and samples it into the
// network's planes, a network of package nn computes features, a dense first stage
// or a region proposal network over anchors proposes boxes, [RoIAlign] cuts
// features out for the second stage, and [Suppressor] keeps the best of what overlaps.
// [Detector] joins them and is safe for concurrent callers; the model's header says
// which kind of network it is, and network.go what a kind is. [Draw] paints the
// result.
//
// Boxes are corner coordinates x1, y1, x2, y2 in pixels; a pixel (i, j) covers
// the square from (i, j) to (i+1, j+1).
package detector
