"""Who vouches for a model package: a detached Ed25519 signature (RFC 8032) over all its files.

`signature.json` in the package lists the SHA-256 of each file and bears a signature of that list,
so a network of 30 MB is hashed once, as it is anyway. The program ships the public key of those who
make it (`resources/keys`); a clinic adds its own as PEM files in the folder that the setting
`keys` names. `python -m ml.sign` makes keys and signatures; no private key is in the repository.

A package that is not signed, or by nobody we know, can be used, but every result says so. One
that is signed and was changed is refused: whoever can change a file could also take the signature
away, and then the results say that. A key that was withdrawn (`app.withdrawn`) vouches for nothing,
even if its file is still there. As long as it cannot be read which were, none vouches for anything.
"""

import base64
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from app.errors import PackageError, system_says
from app.language import fill, mark
from app.paths import resources
from app.site import read_site
from app.study import StudyResult
from app.withdrawn import Withdrawal, shipped_withdrawals, withdrawal_of

logger = logging.getLogger(__name__)

SIGNATURE = "signature.json"

SIGNED_FILES = ("card.md", "model.json", "model.onnx", "weights.safetensors")
"""Every file of a package that somebody may read. A signature covers those that there are."""

OMISSIBLE = "weights.safetensors"
"""The network for the reference engine: clinics get packages without it, signed all the same."""

_FORMAT = 1
_LARGEST = 64 * 1024  # bytes of a signature or key file

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Trust(StrEnum):
    SIGNED = "signed"  # by somebody this computer knows
    WITHDRAWN_KEY = mark("signed with a key that was withdrawn")
    UNCHECKED = mark("signed, but whether its key was withdrawn cannot be read")
    UNKNOWN_KEY = mark("signed with a key that is not known here")
    UNSIGNED = mark("not signed")


@dataclass(frozen=True, slots=True)
class Seal:
    """What a package's signature was found to be worth."""

    trust: Trust = Trust.UNSIGNED
    signer: str | None = None  # the key's name if trust is SIGNED, else None
    withdrawal: Withdrawal | None = None  # of the key, if trust is WITHDRAWN_KEY
    # Its fingerprint, whoever's it is: what it is worth may change.
    key: str | None = field(default=None, compare=False)

    @property
    def withdrawn_since(self) -> date | None:
        return self.withdrawal.since if self.withdrawal else None


NO_SEAL = Seal()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    name: str  # of the file, such as "KD-OCT": who is meant
    raw: bytes  # 32, the public key as RFC 8032 writes it

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Whom to believe, and whom no longer."""

    keys: tuple[TrustedKey, ...] = ()  # withdrawn ones among them do not count
    withdrawn: tuple[Withdrawal, ...] = ()
    complete: bool = True  # whether all that were withdrawn are known; else no key counts

    def named(self, fingerprint: str) -> TrustedKey | None:
        return next((each for each in self.keys if each.fingerprint == fingerprint), None)


NO_KEYS = Keyring()


@checked(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Signature:
    """The contents of `signature.json`."""

    format: int
    key: Digest  # SHA-256 of the raw public key
    files: dict[str, Digest]  # by name
    signature: str  # Base64 of 64 bytes, over `message(files)`


SIGNATURE_FILE: TypeAdapter[Signature] = TypeAdapter(Signature)


def message(files: Mapping[str, str]) -> bytes:
    """Return the bytes that are signed, for SHA-256 digests by file name."""
    lines = [f"KD-OCT model package, signature format {_FORMAT}"]
    lines += [f"{digest}  {name}" for name, digest in sorted(files.items())]
    return "\n".join(lines).encode() + b"\n"


def fingerprint(raw_key: bytes) -> str:
    return hashlib.sha256(raw_key).hexdigest()


def digests_in(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a package that a signature covers, by name.

    Raises:
        OSError: If one cannot be read.
    """
    found = {}
    for name in SIGNED_FILES:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def check_seal(folder: Path, digests: Mapping[str, str], keyring: Keyring) -> Seal:
    """Compare a package's files with its signature.

    Args:
        folder: Of the package.
        digests: SHA-256 by name of the files that were read; others are not looked at.
        keyring: Whom to believe, from `read_keyring`.

    Raises:
        PackageError: If there is a signature and it does not fit these files.
    """
    try:
        with (folder / SIGNATURE).open("rb") as file:
            content = file.read(_LARGEST)
    except FileNotFoundError:
        return NO_SEAL
    except OSError as error:
        raise PackageError(
            fill(
                "The signature of the model package “{name}” cannot be read ({reason}). Install "
                "the package again.",
                name=folder.name,
                reason=system_says(error),
            )
        ) from error
    try:
        signature = SIGNATURE_FILE.validate_json(content)
        signed = base64.b64decode(signature.signature, validate=True)
    except ValueError as error:  # pydantic's and base64's are of this kind
        raise _refused(folder, mark("cannot be understood")) from error
    if signature.format > _FORMAT:
        raise PackageError(
            fill(
                "The signature of the model package “{name}” was made for a later version of "
                "this program. Update the program.",
                name=folder.name,
            )
        )
    for name, digest in digests.items():
        if signature.files.get(name) != digest:
            raise _refused(folder, fill("does not cover this {name}", name=name))
    absent = set(signature.files) - set(digests) - {OMISSIBLE}
    if absent:
        raise _refused(folder, fill("covers {absent}, which is not there", absent=min(absent)))
    return _sealed_by(signature, signed, folder, keyring)


def _sealed_by(signature: Signature, signed: bytes, folder: Path, keyring: Keyring) -> Seal:
    # Loaded only where a signature is: it brings OpenSSL.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = keyring.named(signature.key)
    if key is not None:
        try:
            Ed25519PublicKey.from_public_bytes(key.raw).verify(signed, message(signature.files))
        except InvalidSignature as error:
            raise _refused(folder, fill("is not by {name}, as it claims", name=key.name)) from error
    withdrawal = withdrawal_of(signature.key, keyring.withdrawn)
    if withdrawal is not None:
        return Seal(Trust.WITHDRAWN_KEY, withdrawal=withdrawal, key=signature.key)
    if key is None:
        return Seal(Trust.UNKNOWN_KEY, key=signature.key)
    if not keyring.complete:
        return Seal(Trust.UNCHECKED, key=signature.key)
    return Seal(Trust.SIGNED, key.name, key=signature.key)


def _refused(folder: Path, why: str) -> PackageError:
    return PackageError(
        fill(
            "The model package “{name}” has been changed or damaged: its signature {why}. "
            "Install the package again.",
            name=folder.name,
            why=why,
        )
    )


def read_keyring(clinic: Path | None = None) -> Keyring:
    """Return the keys that ship with the program, then the clinic's, and all that were withdrawn.

    Args:
        clinic: A folder of PEM files, named for whose key it is, or None.

    Raises:
        PackageError: If the program's own list of withdrawn keys is damaged.
    """
    folders = [resources() / "keys", *([clinic] if clinic else [])]
    found = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.pem"))):
        raw = _public_key(path)
        if raw is None:
            # Believing fewer people is the safe side.
            logger.warning("%s is not the PEM file of an Ed25519 public key.", path.name)
        else:
            found.append(TrustedKey(name=path.stem, raw=raw))
    site = read_site()
    withdrawn = (*shipped_withdrawals(), *site.withdrawn)
    return Keyring(keys=tuple(found), withdrawn=withdrawn, complete=site.withdrawn_known)


def vouched_now(result: StudyResult) -> StudyResult:
    """Return a result that was kept, with what its model's signature is worth today.

    Results that do not state the key, of earlier versions, stay as they are.
    """
    if result.model_key is None:
        return result
    site = read_site()
    try:
        withdrawn, known = (*shipped_withdrawals(), *site.withdrawn), site.withdrawn_known
    except PackageError:
        withdrawn, known = site.withdrawn, False
    withdrawal = withdrawal_of(result.model_key, withdrawn)
    if withdrawal is not None:
        return replace(result, model_signer=None, model_key_withdrawn=withdrawal.since)
    return result if known else replace(result, model_signer=None)


def _public_key(path: Path) -> bytes | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        with path.open("rb") as file:
            key = load_pem_public_key(file.read(_LARGEST))
    except (OSError, ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None
