"""Show how far long work is, before a run has anything else to say."""

import os

from tqdm import tqdm

from app.progress import Progress


def progress_bar(title: str, *, shown: bool = True) -> Progress:
    """A bar on standard error with the time left, over images.

    A terminal sees it move; a log gets a line a minute, and none of what is done before.
    """
    pause = 1 if os.isatty(2) else 60
    bar = tqdm(
        desc=title,
        unit="image",
        disable=not shown,
        leave=False,
        mininterval=pause,
        delay=0 if pause == 1 else pause,
    )

    def report(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return report
