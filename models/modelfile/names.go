package modelfile

// COCO are the 80 categories of COCO with their ids, which leave out eleven
// numbers from 1 to 90. A network trained on them has 91 outputs, of which
// number 0 is the background.
func COCO() []Class {
	classes := make([]Class, 0, len(cocoNames))
	for i, id := 0, 1; i < len(cocoNames); id++ {
		if !cocoUnused[id] {
			classes = append(classes, Class{ID: id, Name: cocoNames[i]})
			i++
		}
	}
	return classes
}

// COCOOutputs is the number of outputs of a network that has COCO's ids and the
// background.
const COCOOutputs = 91

var cocoUnused = map[int]bool{12: true, 26: true, 29: true, 30: true, 45: true, 66: true, 68: true, 69: true, 71: true, 83: true}

var cocoNames = [...]string{
	"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
	"fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
	"elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
	"skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
	"wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
	"broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed",
	"dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven",
	"toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
}

// VOC are the classes of Pascal VOC as segmentation numbers them: the
// background, number 0, is one of them.
func VOC() []Class {
	classes := make([]Class, len(vocNames))
	for i, name := range vocNames {
		classes[i] = Class{ID: i, Name: name}
	}
	return classes
}

var vocNames = [...]string{
	"background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
	"diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
}
