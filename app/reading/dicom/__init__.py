"""DICOM: Ophthalmic Tomography objects, what vendors write in their stead, and the localizers.

`header` finds the elements and the place of the pixels without reading them, `instance` says what
one file contributes, `series` joins files into volumes in `order`, and `pixels` reads one frame.
"""
