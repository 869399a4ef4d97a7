"""`python -m app model …`: see, verify, install, choose and remove model packages."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from app.commands.terminal import complain, say
from app.errors import UnsignedPackage
from app.installed import Origin, package_folders
from app.packages import Examined, choose, examine, install, list_installed, remove, roll_back
from app.settings import Settings, load_settings, save_settings
from app.signatures import Seal, Trust, read_keyring
from app.withdrawn import withdrawal_of

DESCRIPTION = "Manages model packages: what is installed, and which one is used."


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="what is installed, and what each is worth")
    for action, words in (
        ("verify", "whether a file, a folder or an installed package is whole, and whose it is"),
        ("install", "add the package in a file (.kdoct) or folder"),
    ):
        found = actions.add_parser(action, help=words)
        found.add_argument("path", type=Path, metavar="FILE")
    found.add_argument(
        "--accept-unsigned",
        action="store_true",
        help="even if nobody known vouches for it; results will be marked",
    )
    found.add_argument(
        "--all-users", action="store_true", help="for all users; needs an administrator's rights"
    )
    for action, words in (
        ("choose", "use this one from now on"),
        ("remove", "delete one that you added"),
    ):
        actions.add_parser(action, help=words).add_argument("name", metavar="ID")
    actions.add_parser("rollback", help="use the one that was used before")
    actions.add_parser("keys", help="whose signatures count, and which keys were withdrawn")


def run(options: Namespace) -> int:
    settings = load_settings(report=complain)
    match options.action:
        case "list":
            return _list(settings)
        case "verify":
            return _verify(options.path, settings)
        case "install":
            return _install(options, settings)
        case "remove":
            remove(options.name, settings)
            say(f"{options.name} is removed.")
        case "choose":
            _use(choose(options.name, settings))
        case "rollback":
            _use(roll_back(settings))
        case "keys":
            _keys(settings)
    return 0


def _list(settings: Settings) -> int:
    packages = list_installed(settings)
    for each in packages:
        mark = "*" if each.chosen else " "
        if each.card is None:
            say(f"{mark} {each.name}: {each.problem}")
        else:
            say(
                f"{mark} {each.name}: {each.card.title}, version {each.card.version} of "
                f"{each.card.created}, {in_words(each.seal)}, {each.origin}"
            )
    return 0 if packages and not any(each.problem for each in packages) else 1


def _verify(path: Path, settings: Settings) -> int:
    if not path.exists():
        folders = (each for each, _ in package_folders() if each.name == str(path))
        path = next(folders, path)
    found = examine(path, settings.keys)
    say(f"{described(found)}: whole, {in_words(found.seal)}")
    return 0 if found.seal.trust is Trust.SIGNED else 1


def _install(options: Namespace, settings: Settings) -> int:
    try:
        made = install(
            options.path,
            settings.keys,
            accept_unsigned=options.accept_unsigned,
            origin=Origin.SITE if options.all_users else Origin.USER,
        )
    except UnsignedPackage as error:
        complain(f"{error} To do so, add --accept-unsigned.")
        return 1
    say(f"{made.name} is installed, {in_words(made.seal)}. To use it: model choose {made.name}")
    return 0


def _use(settings: Settings) -> None:
    save_settings(settings)
    say(f"{settings.model_id} is used from now on.")


def described(found: Examined) -> str:
    return f"{found.card.id} {found.card.version}"


def in_words(seal: Seal) -> str:
    if seal.withdrawal is not None:
        withdrawal = seal.withdrawal
        return (
            f"signed with a key that does not count since {withdrawal.since} ({withdrawal.reason})"
        )
    return f"signed by {seal.signer}" if seal.trust is Trust.SIGNED else str(seal.trust)


def _keys(settings: Settings) -> None:
    ring = read_keyring(settings.keys)
    known = {each.fingerprint: each.name for each in ring.keys}
    for each in ring.keys:
        if withdrawal_of(each.fingerprint, ring.withdrawn) is None:
            say(f"{each.fingerprint} {each.name}")
    for gone in ring.withdrawn:
        name = known.get(gone.key, "a key that is not here")
        say(f"{gone.key} {name}, does not count since {gone.since}: {gone.reason}")
