"""KD-OCT: screens retinal OCT volumes on this computer's CPU."""

import os

__version__ = "0.1.0"

# From 1.29 on, ONNX Runtime reports what it runs to its makers, unless this is set before it loads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
