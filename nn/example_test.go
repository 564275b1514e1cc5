package nn_test

import (
	"fmt"

	"example.com/riffle/nn"
)

// A network is written like its paper's table, and compiled for one size of input.
func ExampleCompile() {
	b := nn.NewBuilder()
	x := b.Input("image", 3)
	x = b.Act(b.Conv(x, "stem", nn.ConvSpec{Out: 8, Kernel: 3, Stride: 2, Bias: true}), nn.ReLU)
	x = b.ChannelShuffle(b.Pointwise(x, "mix", 8, true), 2)
	b.Output("classes", b.Linear(b.GlobalAvgPool(x), "fc", 5))
	g, err := b.Graph()
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := nn.Compile(g, nn.RandomWeights(g, 1), nn.Options{Height: 32, Width: 32})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, plane := range plan.Input("image") { // 32*32 values each
		plane[0] = 1
	}
	plan.Run()
	fmt.Println(len(plan.Output("classes")), "classes,", plan.MACs(), "multiply-adds,", g.ParamCount(), "parameters")
	// Output: 5 classes, 71720 multiply-adds, 341 parameters
}

// Mistakes in a network are found once it is finished, and name the layer.
func ExampleBuilder_Graph() {
	b := nn.NewBuilder()
	x := b.Input("image", 3)
	b.Output("features", b.ChannelShuffle(b.Pointwise(x, "mix", 8, true), 3))
	_, err := b.Graph()
	fmt.Println(err)
	// Output: nn: shuffle of 8 channels in 3 groups
}

// What a layer's inputs span is learnt from runs in float32, and lets another plan
// compute in 8 bits.
func ExampleCalibrator() {
	b := nn.NewBuilder()
	b.Output("y", b.Pointwise(b.Input("x", 4), "mix", 2, true))
	g, err := b.Graph()
	if err != nil {
		fmt.Println(err)
		return
	}
	weights := nn.RandomWeights(g, 1)
	seen := nn.NewCalibrator()
	plan, err := nn.Compile(g, weights, nn.Options{Height: 8, Width: 8, Observe: seen.Observe})
	if err != nil {
		fmt.Println(err)
		return
	}
	for c, plane := range plan.Input("x") {
		for i := range plane {
			plane[i] = float32(c) / 3
		}
	}
	plan.Run()
	ranges := seen.Ranges()
	fmt.Printf("mix: %.0f to %.0f\n", ranges["mix"].Lo, ranges["mix"].Hi)
	plan, err = nn.Compile(g, weights, nn.Options{Height: 8, Width: 8, Precision: nn.Int8, Ranges: ranges})
	fmt.Println(plan.Precision(), err)
	// Output:
	// mix: 0 to 1
	// int8 <nil>
}
