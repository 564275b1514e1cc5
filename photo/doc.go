// Package photo turns bytes into an upright picture and a picture into the three
// planes that a network reads.
//
// [Decode] reads JPEG, PNG, GIF, WebP, BMP and TIFF within limits and notes the
// EXIF orientation. [Preprocessor] samples a [Photo], a [Frame] of a video or any
// other picture as the project's detectors were trained; [Crop] and [Resize] do
// what Python's Pillow and torchvision do, to the byte.
package photo
