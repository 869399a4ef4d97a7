"""The laboratory: trains, distils, evaluates and exports the models that the program runs."""

# What keeps ONNX Runtime silent stands there, and must be done before any module here loads it.
import app as app
