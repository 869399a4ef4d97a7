"""Sign model packages, so that clinics can tell whose they are.

    python -m ml.sign --new-key PRIVATE.pem --public resources/keys/NAME.pem
    python -m ml.sign --key PRIVATE.pem FOLDER… [--archive DIR]
    KD_OCT_SIGNING_KEY="$(cat PRIVATE.pem)" python -m ml.sign FOLDER…
    python -m ml.sign --signed FOLDER… --archive DIR

The private key stays outside the repository, readable by its owner alone. NAME is what reports
say of a package signed with it. `--archive` also writes each package as one file, ID-VERSION.kdoct,
which `python -m app model install` takes; with `--signed` nothing else is done, and no key needed.
"""

import argparse
import base64
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.errors import AppError, UsageError
from app.files import whole_file
from app.modelpack import load_package
from app.package_file import SUFFIX, write_package_file
from app.signatures import (
    SIGNATURE,
    SIGNATURE_FILE,
    Signature,
    Trust,
    digests_in,
    fingerprint,
    message,
)

VARIABLE = "KD_OCT_SIGNING_KEY"


def make_keys(private: Path, public: Path) -> None:
    """Write a new pair of keys as PEM files.

    Raises:
        UsageError: If there is a private key already, or a file cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        private.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secret)
        with whole_file(public) as file:
            file.write(
                key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            )
    except FileExistsError as error:
        raise UsageError(f"{private} exists. A lost key cannot be made again: move it.") from error
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from error


def read_key(path: Path | None) -> Ed25519PrivateKey:
    """Read a private key from a PEM file, or from the environment if there is no path.

    Raises:
        UsageError: If there is none, or it is not an unencrypted Ed25519 key.
    """
    try:
        content = path.read_bytes() if path else os.environ.get(VARIABLE, "").encode()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    where = str(path or VARIABLE)
    if not content:
        raise UsageError(f"There is no key: name its file with --key, or put it into {VARIABLE}.")
    try:
        key = load_pem_private_key(content, password=None)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where} holds no private key in PEM without a password.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"The key in {where} is not of the kind Ed25519.")
    return key


def sign_package(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write the signature of a sound package, over one it may have.

    Raises:
        PackageError: If the package does not verify.
        OSError: If it cannot be read or written.
    """
    (folder / SIGNATURE).unlink(missing_ok=True)
    load_package(folder)
    files = digests_in(folder)
    signature = Signature(
        format=1,
        key=fingerprint(key.public_key().public_bytes_raw()),
        files=files,
        signature=base64.b64encode(key.sign(message(files))).decode(),
    )
    with whole_file(folder / SIGNATURE) as file:
        file.write(SIGNATURE_FILE.dump_json(signature, indent=1) + b"\n")


def require_signed(folder: Path) -> None:
    """Verify that a package is signed with a key that counts here.

    Raises:
        PackageError: If the package does not verify.
        UsageError: If it is not.
    """
    trust = load_package(folder).seal.trust
    if trust is not Trust.SIGNED:
        raise UsageError(f"{folder} cannot be packed as it is: {trust}. Sign it, without --signed.")


def pack_package(folder: Path, into: Path) -> Path:
    """Write a package as one file, ID-VERSION.kdoct.

    Raises:
        PackageError: If the package does not verify, or the file cannot be written.
    """
    card = load_package(folder).card
    return write_package_file(folder, into / f"{card.id}-{card.version}{SUFFIX}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Sign model packages.")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="of a package")
    parser.add_argument("--key", type=Path, metavar="PEM", help=f"default: from {VARIABLE}")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="where ID-VERSION.kdoct goes")
    parser.add_argument("--signed", action="store_true", help="only write what is signed already")
    parser.add_argument("--new-key", type=Path, metavar="PEM", help="make a pair of keys")
    parser.add_argument("--public", type=Path, metavar="PEM", help="where its public half goes")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _arguments()
    options = parser.parse_args(arguments)
    if bool(options.new_key) != bool(options.public) or bool(options.new_key) == bool(
        options.folders
    ):
        parser.error("name packages to sign, or --new-key and --public")
    if options.signed and (options.key or not options.archive):
        parser.error("--signed takes --archive and no --key")
    try:
        if options.new_key:
            make_keys(options.new_key, options.public)
            return 0
        key = None if options.signed else read_key(options.key)
        for folder in options.folders:
            if key:
                sign_package(folder, key)
            else:
                require_signed(folder)
            print(f"{folder}: {load_package(folder).seal.trust}")
            if options.archive:
                print(pack_package(folder, options.archive))
    except AppError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
