package main

import (
	"encoding/json"
	"fmt"
	"io"

	"example.com/riffle/backbone"
	"example.com/riffle/detector"
	"example.com/riffle/models"
)

type modelsCmd struct {
	List      modelsListCmd `cmd:"" default:"withargs" help:"List the models in this binary and the architectures it can run."`
	Import    importCmd     `cmd:"" help:"Make a model of a PyTorch checkpoint."`
	Calibrate calibrateCmd  `cmd:"" help:"Prepare a model for --precision int8."`
}

// Help is shown below the flags.
func (*modelsCmd) Help() string {
	return `Without a command it lists.

    riffle models
    riffle models --json | jq '.models[0]'
    riffle models import ssdlite320_mobilenet_v3_large_coco-a79551df.pth --out ssdlite.safetensors
    riffle models calibrate my.safetensors --images train/images`
}

type modelsListCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is shown below the flags.
func (*modelsListCmd) Help() string {
	return `The models are trained and can be named in --model of the other commands. The architectures are what riffle bench can time and what a model can be built on; their multiply-adds are those of the ImageNet classifier at 224 x 224 pixels, as in the papers.

    riffle models
    riffle models --json | jq '.models[0]'`
}

// modelList is what --json prints.
type modelList struct {
	Models        []modelInfo `json:"models"`
	Architectures []archInfo  `json:"architectures"`
}

type modelInfo struct {
	Name    string   `json:"name"`
	Default bool     `json:"default"`
	Arch    string   `json:"arch"`
	Kind    string   `json:"kind"`
	Input   [2]int   `json:"input"` // height, width
	Classes []string `json:"classes"`
	Params  int64    `json:"params"`
	MACs    int64    `json:"macs"`  // of one photo
	Bytes   int      `json:"bytes"` // of the file
	AP      *float64 `json:"AP"`    // COCO's, a fraction; null if not measured
	APData  string   `json:"AP_data"`
	Licence string   `json:"licence"`
}

type archInfo struct {
	Name   string `json:"name"`
	MACs   int64  `json:"macs"` // at 224 x 224
	Params int64  `json:"params"`
	Paper  string `json:"paper"` // arXiv number
}

// Run is called by kong.
func (c *modelsListCmd) Run(std stdio) error {
	var list modelList
	for _, name := range models.List() {
		m, err := describe(name)
		if err != nil {
			return err
		}
		list.Models = append(list.Models, m)
	}
	for _, name := range backbone.Names() {
		arch, err := backbone.Lookup(name)
		if err != nil {
			return err
		}
		cost, err := arch.Cost(224, 224)
		if err != nil {
			return err
		}
		list.Architectures = append(list.Architectures, archInfo{name, cost.MACs, cost.Params, arch.Paper})
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(list)
	}
	return list.print(std.out)
}

func describe(name string) (modelInfo, error) {
	file, err := models.Open(name)
	if err != nil {
		return modelInfo{}, err
	}
	d, err := detector.New(file.Data, detector.Options{})
	if err != nil {
		return modelInfo{}, fmt.Errorf("model %s: %w", name, err)
	}
	i := d.Info()
	m := modelInfo{
		Name: name, Default: name == models.Default, Arch: i.Arch, Kind: i.Kind, Input: [2]int{i.Height, i.Width},
		Params: i.Params, MACs: i.MACs, Bytes: len(file.Data), APData: i.AP.Data, Licence: i.Licence,
	}
	for _, c := range i.Classes {
		m.Classes = append(m.Classes, c.Name)
	}
	if i.AP.AP > 0 {
		m.AP = &i.AP.AP
	}
	return m, nil
}

func (l *modelList) print(w io.Writer) error {
	t := table{head: []string{"model", "architecture", "input", "classes", "params", "MACs", "file", "AP"}, right: "34567"}
	for _, m := range l.Models {
		ap := "-"
		if m.AP != nil {
			ap = fmt.Sprintf("%.1f", 100**m.AP)
		}
		t.row(m.Name, m.Arch+" "+m.Kind, fmt.Sprintf("%dx%d", m.Input[1], m.Input[0]), fmt.Sprint(len(m.Classes)),
			millions(m.Params), millions(m.MACs), fmt.Sprintf("%.1f MB", float64(m.Bytes)/1e6), ap)
	}
	fmt.Fprintln(w, "Models in this binary:")
	if err := t.print(w); err != nil {
		return err
	}
	for _, m := range l.Models {
		if m.AP != nil {
			fmt.Fprintf(w, "  %s: AP on %s\n", m.Name, m.APData)
		}
		fmt.Fprintf(w, "  %s: licence %s\n", m.Name, m.Licence)
	}
	fmt.Fprintln(w, "\nArchitectures, as classifiers at 224x224:")
	a := table{head: []string{"architecture", "MACs", "params", "paper"}, right: "12"}
	for _, arch := range l.Architectures {
		a.row(arch.Name, millions(arch.MACs), millions(arch.Params), "arXiv "+arch.Paper)
	}
	return a.print(w)
}
