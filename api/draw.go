package api

import "image"

func drawDetections(photo image.Image, found []Detection) image.Image { return photo }
