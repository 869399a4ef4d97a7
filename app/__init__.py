"""KD-OCT: screens retinal OCT volumes on this computer's CPU."""

__version__ = "0.1.0"
