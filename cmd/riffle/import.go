package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/riffle/models"
	"example.com/riffle/models/checkpoint"
	"example.com/riffle/models/importer"
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
	names, err := c.classNames()
	if err != nil {
		return err
	}
	out := cmp.Or(c.Out, strings.TrimSuffix(c.File, filepath.Ext(c.File))+models.Ext)
	m, err := importer.Import(c.File, importer.Options{
		Arch: c.Arch, Classes: names, Resize: c.Resize, License: c.Licence, Half: c.Half,
		Name: cmp.Or(c.Name, strings.TrimSuffix(filepath.Base(out), models.Ext)),
	})
	if err != nil {
		return c.explain(std, err)
	}
	if err := c.checkOut(out); err != nil {
		return err
	}
	if err := writeFile(out, m.File); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "%s: %s, %.1f MB, from a %s\n%s --model %s\n", out, m.About, float64(len(m.File))/1e6, m.From, m.Try, out)
	return err
}

// explain names on standard error the tensors that do not fit, and tells wrong
// options from wrong files.
func (c *importCmd) explain(std stdio, err error) error {
	var mismatch *checkpoint.Mismatch
	if errors.As(err, &mismatch) {
		say := sayer{std}
		for _, lines := range [][]string{mismatch.Missing, mismatch.Unexpected, mismatch.Shapes} {
			say.most("", lines, 30)
		}
	}
	if errors.Is(err, importer.ErrOption) {
		return usageError{err}
	}
	return err
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

// checkOut lets a model never go onto its checkpoint, and onto another file only
// if that was named.
func (c *importCmd) checkOut(out string) error {
	st, err := os.Stat(out)
	if err != nil {
		return nil // there is none
	}
	in, err := os.Stat(c.File)
	switch {
	case err == nil && os.SameFile(st, in):
		return usagef("the model would overwrite the checkpoint: name another file with --out")
	case c.Out == "":
		return fmt.Errorf("%s is there already: name it with --out to overwrite it", out)
	case st.IsDir():
		return usageError{errors.New("--out " + out + " is a folder")}
	}
	return nil
}
