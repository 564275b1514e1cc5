package photo

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
	"io"

	"golang.org/x/image/webp"
)

// decodeWebP reads a WebP; of an animation the first frame, as of a GIF.
func decodeWebP(data []byte) (image.Image, error) {
	if !animatedWebP(data) {
		return stillWebP(data)
	}
	frame, at := firstFrame(data)
	if frame == nil {
		return nil, io.ErrUnexpectedEOF
	}
	img, err := stillWebP(frame)
	if err != nil {
		return nil, err
	}
	screen := image.Rectangle{Max: canvas(data)}
	place := img.Bounds().Add(at)
	if place == screen {
		return img, nil
	}
	out := image.NewNRGBA(screen)
	draw.Draw(out, place, img, img.Bounds().Min, draw.Src)
	return out, nil
}

func stillWebP(data []byte) (image.Image, error) {
	img, err := webp.Decode(bytes.NewReader(data))
	if err == nil {
		fullRange(img)
	}
	return img, err
}

// webpConfig is the size of a WebP, of an animation that of its canvas.
func webpConfig(r io.Reader) (image.Config, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return image.Config{}, err
	}
	if !animatedWebP(data) {
		return webp.DecodeConfig(bytes.NewReader(data))
	}
	size := canvas(data)
	return image.Config{Width: size.X, Height: size.Y, ColorModel: image.NewNRGBA(image.Rectangle{}).ColorModel()}, nil
}

// animatedWebP reports whether a WebP's extended header announces frames.
func animatedWebP(data []byte) bool {
	const animation = 1 << 1
	return len(data) >= 30 && string(data[12:16]) == "VP8X" && data[20]&animation != 0
}

// canvas is the size in the extended header.
func canvas(data []byte) image.Point {
	return image.Pt(1+int(uint24(data[24:])), 1+int(uint24(data[27:])))
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

// firstFrame makes a still WebP of an animation's first frame and says where it
// stands on the canvas; nil if there is none.
func firstFrame(data []byte) (still []byte, at image.Point) {
	var frame []byte
	chunks(data[12:], func(name string, body []byte) bool {
		if name == "ANMF" && len(body) > 16 {
			frame = body
		}
		return frame == nil
	})
	if frame == nil {
		return nil, at
	}
	at = image.Pt(2*int(uint24(frame)), 2*int(uint24(frame[3:])))
	const alpha = 1 << 4
	var parts []byte
	flags := byte(0)
	chunks(frame[16:], func(name string, body []byte) bool {
		switch name {
		case "ALPH":
			flags |= alpha
			fallthrough
		case "VP8 ", "VP8L":
			parts = append(parts, name...)
			parts = binary.LittleEndian.AppendUint32(parts, uint32(len(body)))
			parts = append(parts, body...)
			if len(body)%2 == 1 {
				parts = append(parts, 0)
			}
		}
		return true
	})
	var head []byte
	if flags != 0 { // transparency beside the picture takes the extended header
		head = append([]byte("VP8X\x0a\x00\x00\x00"), flags, 0, 0, 0)
		head = append(head, frame[6:12]...) // width and height, less one
	}
	still = append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(4+len(head)+len(parts)))...)
	still = append(still, "WEBP"...)
	return append(append(still, head...), parts...), at
}

// chunks calls f with each chunk of a RIFF's body until f returns false.
func chunks(data []byte, f func(name string, body []byte) bool) {
	for len(data) >= 8 {
		n := int64(binary.LittleEndian.Uint32(data[4:]))
		if n > int64(len(data)-8) {
			return
		}
		if !f(string(data[:4]), data[8:8+n]) {
			return
		}
		data = data[min(int64(len(data)), 8+n+n&1):]
	}
}
