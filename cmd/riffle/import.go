package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/riffle/classifier"
	"example.com/riffle/models"
	"example.com/riffle/models/checkpoint"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

type importCmd struct {
	File string `arg:"" placeholder:"FILE" help:"Checkpoint: a state_dict that torch.save wrote (.pth, .pt), or safetensors."`

	Arch    string `placeholder:"NAME" help:"Architecture, such as ssdlite320_mobilenet_v3_large; without it the one that all tensors fit."`
	Out     string `short:"o" placeholder:"FILE" help:"Where the model goes; beside the checkpoint, with the ending .safetensors, if not given."`
	Classes string `placeholder:"NAME,...|FILE" help:"Names of the classes in the order of the network's outputs, or a file with one a line; needed for weights of your own data."`
	Resize  int    `placeholder:"PIXELS" help:"For classifiers: the shorter side that pictures are resized to before the middle is cut out; 256 if not given, 232 for torchvision's IMAGENET1K_V2 weights."`
	Name    string `placeholder:"NAME" help:"What the model calls itself; the file's name if not given."`
	Licence string `default:"that of the imported checkpoint" placeholder:"TEXT" help:"Licence of the weights, for riffle models and its like."`
	Half    bool   `help:"Store the weights as float16: half the size, rounded to 11 bits."`
}

// Help is shown below the flags.
func (*importCmd) Help() string {
	return `The checkpoint is read by the names of its tensors; nothing in it is executed. Names and layouts are torchvision's. Every tensor that is missing, unexpected or of the wrong shape is named, and nothing is written.

    riffle models import ssdlite320_mobilenet_v3_large_coco-a79551df.pth --arch ssdlite320_mobilenet_v3_large --out ssdlite.safetensors
    riffle detect street.jpg --model ssdlite.safetensors

    riffle models import mine.pth --classes helmet,vest,boots`
}

// Run is called by kong.
func (c *importCmd) Run(std stdio) error {
	file, closer, err := checkpoint.Open(c.File)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, fileError(err))
	}
	defer closer.Close()
	names, err := c.classNames()
	if err != nil {
		return err
	}
	r, err := c.recipe(file.Shapes(), names, std)
	if err != nil {
		return err
	}
	out, err := c.outFile()
	if err != nil {
		return err
	}
	if c.Resize != 0 {
		if r.resize == nil {
			return usagef("--resize is for classifiers, this is %s", r.about)
		}
		if least := max(r.base.Input[0], r.base.Input[1]); c.Resize < least || c.Resize > classifier.MaxResize {
			return usagef("--resize must be from %d, what is cut out, to %d", least, classifier.MaxResize)
		}
		*r.resize = c.Resize
	}
	r.base.Name, r.base.Licence = c.Name, c.Licence
	if c.Name == "" {
		r.base.Name = strings.TrimSuffix(filepath.Base(out), models.Ext)
	}
	tensors, err := file.Take(r.params, r.source)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	data, err := modelfile.Write(tensors, r.header, c.half())
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := writeFile(out, data); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: %s, %.1f MB, from a %s\n%s --model %s\n", out, r.about, float64(len(data))/1e6, describeFile(file), r.try, out)
	return err
}

func describeFile(f *checkpoint.File) string {
	if f.Inside == "" {
		return f.Format
	}
	return fmt.Sprintf("%s (what it keeps under %q)", f.Format, f.Inside)
}

// half rounds what has most of the bytes and is least sensitive: the filters.
func (c *importCmd) half() func(string, nn.Tensor) bool {
	if !c.Half {
		return nil
	}
	return func(_ string, t nn.Tensor) bool { return len(t.Shape) > 1 }
}

// recipe finds how to read the checkpoint, or says on standard error what of it
// does not fit.
func (c *importCmd) recipe(have shapes, names []string, std stdio) (recipe, error) {
	arch := c.Arch
	if arch == "" {
		found := fitting(have, names)
		switch len(found) {
		case 0:
			return recipe{}, fmt.Errorf("%s: fits no architecture entirely: --arch NAME tells what is wrong with it (riffle models lists the backbones)", c.File)
		case 1:
			arch = found[0]
		default:
			return recipe{}, usagef("%s fits %s: say which with --arch", c.File, strings.Join(found, " and "))
		}
	}
	list, err := recipesFor(arch, have, names)
	if err != nil {
		return recipe{}, usageError{err}
	}
	r, misfit := best(list, have)
	if misfit == nil {
		return r, nil
	}
	if found := fitting(have, names); len(found) > 0 {
		return recipe{}, fmt.Errorf("%s does not fit %s: %w; it fits --arch %s", c.File, arch, misfit, strings.Join(found, " and "))
	}
	say := sayer{std}
	for _, lines := range [][]string{misfit.Missing, misfit.Unexpected, misfit.Shapes} {
		say.most("", lines, 30)
	}
	return recipe{}, fmt.Errorf("%s does not fit %s: %w", c.File, arch, misfit)
}

// classNames reads --classes.
func (c *importCmd) classNames() ([]string, error) {
	if c.Classes == "" {
		return nil, nil
	}
	list := strings.Split(c.Classes, ",")
	text, err := os.ReadFile(c.Classes)
	if err == nil {
		list = strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	}
	for i, name := range list {
		if list[i] = strings.TrimSpace(name); list[i] == "" {
			return nil, usagef("--classes: name %d of %d is empty", i+1, len(list))
		}
	}
	return list, nil
}

// outFile is where the model goes: never onto the checkpoint, and onto another
// file only if it was named.
func (c *importCmd) outFile() (string, error) {
	out := c.Out
	if out == "" {
		out = strings.TrimSuffix(c.File, filepath.Ext(c.File)) + models.Ext
	}
	st, err := os.Stat(out)
	if err != nil {
		return out, nil
	}
	in, err := os.Stat(c.File)
	switch {
	case err == nil && os.SameFile(st, in):
		return "", usagef("the model would overwrite the checkpoint: name another file with --out")
	case c.Out == "":
		return "", fmt.Errorf("%s is there already: name it with --out to overwrite it", out)
	case st.IsDir():
		return "", usageError{errors.New("--out " + out + " is a folder")}
	}
	return out, nil
}
