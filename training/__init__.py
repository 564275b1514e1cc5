"""Training of riffle's default detector in PyTorch. Never needed at run time: Go reads the exported safetensors file."""
