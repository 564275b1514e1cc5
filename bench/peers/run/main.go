//go:build unix

// Command run is riffle's side of bench/peers: one network, ready, that runs
// when its standard input says so, so that it can take turns with others.
//
//	run --network shufflenet_v2_x1.0 --dir DIR/shufflenet_v2_x1.0/224 --threads 1
//
// It reads the weights and the input that dump wrote, writes what it computes
// to out.riffle.bin in the folder, and prints who it is. Then it answers every
// line "run SECONDS" with one JSON object: how long each inference took and
// whether the scheduler took the processor away meanwhile. All workers of
// bench/peers speak like this.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/riffle/nn"
)

// job is a network that is ready to run.
type job interface {
	// infer reads the input tensor, runs once and returns how long both took.
	infer() (time.Duration, error)
	// result is what the last inference computed.
	result() []float32
	// kernels names the kernel set.
	kernels() string
}

func main() {
	network := flag.String("network", "", "architecture, or name of a trained model")
	dir := flag.String("dir", "", "folder of the case, as dump makes it")
	threads := flag.Int("threads", 1, "threads of one inference")
	photo := flag.String("photo", "docs/street.jpg", "what a detector looks at")
	flag.Parse()
	nn.PinHelpers(true)
	if err := work(*network, *dir, *photo, *threads); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func work(network, dir, photo string, threads int) error {
	j, err := newJob(network, dir, photo, threads)
	if err != nil {
		return err
	}
	if _, err := j.infer(); err != nil {
		return err
	}
	if err := writeFloats(filepath.Join(dir, "out.riffle.bin"), j.result()); err != nil {
		return err
	}
	answer := json.NewEncoder(os.Stdout)
	if err := answer.Encode(map[string]string{"engine": "riffle", "detail": j.kernels() + ", " + runtime.Version()}); err != nil {
		return err
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		text, ok := strings.CutPrefix(in.Text(), "run ")
		seconds, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil {
			return fmt.Errorf("want run SECONDS, got %q", in.Text())
		}
		t, err := turn(j, time.Duration(seconds*float64(time.Second)))
		if err != nil {
			return err
		}
		if err := answer.Encode(t); err != nil {
			return err
		}
	}
	return in.Err()
}

// times is the answer to one "run".
type times struct {
	Ms       []float64 `json:"ms"`
	Switched []int     `json:"switched"` // 1 where the scheduler interrupted
}

// warmUp is how many inferences at the start of a turn are not counted: the
// caches hold what others left.
const warmUp = 3

func turn(j job, length time.Duration) (times, error) {
	for range warmUp {
		if _, err := j.infer(); err != nil {
			return times{}, err
		}
	}
	var t times
	for start := time.Now(); time.Since(start) < length; {
		before := interruptions()
		took, err := j.infer()
		if err != nil {
			return t, err
		}
		switched := 0
		if interruptions() != before {
			switched = 1
		}
		t.Ms = append(t.Ms, float64(took)/float64(time.Millisecond))
		t.Switched = append(t.Switched, switched)
	}
	return t, nil
}

// interruptions counts how often the scheduler took the processor from a thread
// of this process that wanted to go on.
func interruptions() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Nivcsw
}

func readFloats(path string) ([]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v, nil
}

func writeFloats(path string, v []float32) error {
	var data []byte
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return os.WriteFile(path, data, 0o644)
}
