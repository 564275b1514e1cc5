// Package checkpoint reads the weights that PyTorch programs leave behind:
// torch.save's files of a state_dict (the zip archive of PyTorch 1.6 and later,
// and the bare stream before it) and safetensors files.
//
// A torch.save file is a Python pickle, which is a program: Python's own reader
// lets it call anything. The reader here knows the few calls that a state_dict
// consists of, turns them into a table of tensors, and refuses the file by the
// name of whatever else it wants to call. Nothing in a file is executed, and no
// tensor's memory is allocated before its size was compared with the bytes that
// are there.
package checkpoint
