package photo

import (
	"fmt"
	"image"
	"testing"

	"example.com/riffle/nn"
)

// TestSampleMatchesPillow: byte for byte what torchvision's preset cuts out.
func TestSampleMatchesPillow(t *testing.T) {
	v, err := nn.ReadWeightsFile("testdata/resize.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		img, ok := v.Tensors[fmt.Sprintf("%d.image", n)]
		if !ok {
			break
		}
		sizes, want := v.Tensors[fmt.Sprintf("%d.sizes", n)].Data, v.Tensors[fmt.Sprintf("%d.want", n)]
		s := Crop{int(sizes[0]), int(sizes[1]), int(sizes[2])}
		upright := rgba(img)
		for turn, photo := range map[Orientation]image.Image{
			1: &Photo{Stored: upright, Orientation: 1},
			3: &Photo{Stored: turned(upright), Orientation: 3},
		} {
			got := s.Sample(photo)
			if len(got) != len(want.Data) {
				t.Fatalf("picture %d: %d bytes, want %d", n, len(got), len(want.Data))
			}
			for i, b := range got {
				if b != uint8(want.Data[i]) {
					t.Fatalf("picture %d of %v, orientation %d: byte %d is %d, want %v", n, img.Shape, turn, i, b, want.Data[i])
				}
			}
		}
	}
	if n < 10 {
		t.Fatalf("only %d pictures", n)
	}
}

func rgba(x nn.Tensor) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, x.Shape[1], x.Shape[0]))
	for i := range len(x.Data) / 3 {
		m.Pix[4*i], m.Pix[4*i+1], m.Pix[4*i+2], m.Pix[4*i+3] = uint8(x.Data[3*i]), uint8(x.Data[3*i+1]), uint8(x.Data[3*i+2]), 255
	}
	return m
}

// turned is a picture upside down.
func turned(m *image.RGBA) *image.RGBA {
	out := image.NewRGBA(m.Rect)
	n := len(m.Pix) / 4
	for i := range n {
		copy(out.Pix[4*i:4*i+4], m.Pix[4*(n-1-i):])
	}
	return out
}
