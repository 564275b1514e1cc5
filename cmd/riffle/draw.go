package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"strings"

	"github.com/nfnt/resize"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

const drawnQuality = 92 // of a JPEG

// drawnEnding is that of the picture drawn for a photo: PNG stays PNG, all else
// becomes JPEG, which every viewer opens.
func drawnEnding(p *photo.Photo) string {
	if p.Format == "png" {
		return ".png"
	}
	return ".jpg"
}

// writeDrawn writes a copy of the photo with boxes and labels to path, no wider
// than width pixels unless that is 0.
func writeDrawn(p *photo.Photo, found []detector.Detection, width int, path string) error {
	var drawn image.Image = detector.Draw(p, found)
	if width > 0 && drawn.Bounds().Dx() > width {
		drawn = resize.Resize(uint(width), 0, drawn, resize.Bilinear)
	}
	return writePicture(drawn, path)
}

// writePicture writes a picture in the format that the path's ending says.
func writePicture(picture image.Image, path string) error {
	var b bytes.Buffer
	var err error
	if strings.HasSuffix(path, ".png") {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, picture)
	} else {
		err = jpeg.Encode(&b, picture, &jpeg.Options{Quality: drawnQuality})
	}
	if err != nil {
		return err
	}
	return writeFile(path, b.Bytes())
}
