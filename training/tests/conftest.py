"""Lets the tests import the package from the repository root, and skips them where PyTorch is not installed."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
for needed in ("torch", "torchvision", "cv2", "safetensors", "pycocotools"):
    pytest.importorskip(needed)
