"""The laboratory: trains, distils, evaluates and exports the models that the program runs."""
