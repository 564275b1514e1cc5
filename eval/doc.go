// Package eval scores a detector's boxes against labeled photos.
//
// It reads the truth ([Source.Open]: COCO annotations, YOLO folders, VOC XML, or a
// folder of photos without labels), takes detections (from a [Runner] that
// calls a detector, or from a COCO results file with [ReadResults]) and
// computes COCO's twelve numbers ([Score]) or a whole [Report]: the numbers by
// class and by size, precision-recall curves, a confusion matrix, the error
// types of TIDE, precision, recall and F1 by score threshold and the pictures with
// the worst misses, as JSON, Markdown and CSV ([Report.WriteTables]), as SVG plots
// ([Report.WritePlots]) or as one HTML page ([Report.WriteHTML]).
//
// The package knows no detector and no network: whatever yields a []Detection
// can be scored.
//
// The twelve numbers follow pycocotools' COCOeval with its default bbox
// parameters, including what it does by accident rather than by design; the
// tests compare both on generated cases. Where a number has no objects to
// be computed from it is -1, as there.
package eval
