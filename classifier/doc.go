// Package classifier tells what a picture shows as a whole, with a network of
// package backbone that was trained on ImageNet or on classes of its own.
//
// Pictures are prepared as torchvision prepares them for its classifiers: the
// shorter side is resized as Pillow does it, the middle is cut out.
package classifier
