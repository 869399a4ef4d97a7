"""`python -m app [PATH…]` opens the window; `python -m app analyse PATH…` works without one."""

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["--decode-frames"]:
        # The packaged program is its own decoding worker; see app.reading.dicom.workers.
        from app.reading.dicom.decode import serve

        serve()
        sys.exit()
    from app.cli import main

    sys.exit(main())
