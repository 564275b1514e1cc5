// Package segmenter tells for every pixel of a photo what it shows, with LR-ASPP
// on MobileNetV3 (Howard et al., arXiv 1905.02244, section 6.4) as torchvision
// builds it.
package segmenter
