"""`python -m app compare OLD.json NEW.json`: what differs between two results, and why it may."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.commands.terminal import say
from app.results.compare import compare, read_record

DESCRIPTION = (
    "Compares two JSON results of a study: what differs, and whether the same images, model, "
    "thresholds and preparation of the frames were used. Exit status 1 if anything differs."
)

_WORDS = {True: "the same", False: "different", None: "not stated in both"}


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD.json")
    parser.add_argument("new", type=Path, metavar="NEW.json")


def run(options: Namespace) -> int:
    found = compare(read_record(options.old), read_record(options.new))
    for name, same in found.basis.told():
        say(f"{name}: {_WORDS[same]}.")
    for sentence in (*found.differences, *found.decisions, found.verdict):
        if sentence:
            say(sentence)
    return 1 if found.differences or found.decisions else 0
