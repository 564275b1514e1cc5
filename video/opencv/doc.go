// Package opencv is [example.com/riffle/video.Backend] on OpenCV, by gocv. All of it but this
// comment stands behind the build tag "opencv": it needs cgo and OpenCV 4.6 with
// its headers (on Debian 12 the package libopencv-dev).
package opencv
