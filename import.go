package riffle

import "example.com/riffle/models/importer"

// ImportOptions say what a checkpoint does not say itself.
type ImportOptions = importer.Options

// Import makes a model of a PyTorch checkpoint by the names of its tensors and
// returns its safetensors file, for [Open] or its siblings. Nothing in the
// checkpoint is executed.
func Import(checkpoint string, o ImportOptions) ([]byte, error) {
	m, err := importer.Import(checkpoint, o)
	if err != nil {
		return nil, err
	}
	return m.File, nil
}
