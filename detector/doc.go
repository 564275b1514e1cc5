// Package detector turns the bytes of a photo into labelled boxes.
//
// The steps go one way, each an exported function: [Decode] reads a photo of
// any common format, [Preprocessor] samples it into the network's planes, a
// network of package nn computes features, [FilterProposals] or the dense first
// stage proposes boxes, [RoIAlign] cuts features out for the second stage, and
// [NMS] keeps the best of what overlaps. [Detector] joins them for a trained
// model and is safe for concurrent callers; [FasterRCNN] joins them the classic
// way of Ren et al. (arXiv 1506.01497), arithmetic as in torchvision. [Draw]
// paints the result.
//
// Boxes are corner coordinates x1, y1, x2, y2 in pixels; a pixel (i, j) covers
// the square from (i, j) to (i+1, j+1).
package detector
