"""What of a case may be shown: its eyes, and of each what was found and is not kept hidden."""

from app.gui import wording
from app.gui.case import Case
from app.readings import machine_bscan_answer
from app.study import EyeResult, Laterality, Volume, VolumeResult


def held_eyes(case: Case) -> list[Laterality]:
    """The eyes that a case has volumes of, the right one first."""
    held = {volume.laterality for volume in case.study.volumes}
    return [each for each in Laterality if each in held]


def eye_result(case: Case, laterality: Laterality) -> EyeResult | None:
    """An eye's result; None as long as it is not there, or kept from who reads first."""
    if case.result is None or not case.revealed(laterality):
        return None
    return next((eye for eye in case.result.eyes if eye.laterality is laterality), None)


def deciding_place(case: Case, laterality: Laterality) -> int:
    """Place among an eye's volumes of the one whose call is the eye's."""
    eye = eye_result(case, laterality)
    return eye.deciding if eye is not None else 0


def volume_result(case: Case, volume: Volume) -> VolumeResult | None:
    """The result of one volume, as `eye_result`."""
    eye = eye_result(case, volume.laterality)
    if eye is None:
        return None
    return next((each for each in eye.volumes if each.volume.uid == volume.uid), None)


def changed_calls(case: Case, volume: Volume) -> dict[int, str]:
    """Reader and call of each B-scan of which a reader says something else than the machine."""
    result = volume_result(case, volume)
    if result is None or case.card is None:
        return {}
    return {
        index: wording.reader_s_call(entry)
        for index, entry in case.readings.bscans(volume)
        if entry.after != machine_bscan_answer(result.bscans[index], case.card)
    }
