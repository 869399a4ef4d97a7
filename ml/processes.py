"""This process among those of `torchrun`: one alone unless it started several.

Every process holds the whole data and takes its share of each batch. What a run is decided by, and
what it leaves behind, comes from the first one: each process has its own BatchNorm statistics, and
a decision that each took for itself would part them.
"""

import os
from typing import TypeVar

import torch

from app.errors import UsageError

_T = TypeVar("_T")


def device() -> torch.device:
    """This process's GPU, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def join_processes() -> None:
    """Join the other processes of `torchrun`, if it started this one."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not torch.distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(device())
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")


def rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def world_size() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0


def wait_for_all() -> None:
    if world_size() > 1:
        torch.distributed.barrier()


def first_ones(mine: _T) -> _T:
    """What the first process has in the place of `mine`."""
    if world_size() == 1:
        return mine
    shared = [mine]
    torch.distributed.broadcast_object_list(shared, device=device())
    return shared[0]


def lost_process(error: Exception) -> bool:
    """Whether an error means that another process ended while this one waited for it."""
    # Gloo tells it in words only.
    return isinstance(error, torch.distributed.DistError) or "Connection closed by peer" in str(
        error
    )


def lost_worker(error: Exception) -> bool:
    """Whether an error means that a process that draws views ended, or got no shared memory."""
    words = (
        "is killed by signal",
        "exited unexpectedly",
        "unable to allocate shared memory",
        "unable to open shared memory",
    )
    return isinstance(error, RuntimeError) and any(each in str(error) for each in words)


def require_even_shares(batch: int) -> None:
    """Refuse a batch that the processes cannot share evenly.

    Raises:
        UsageError: With the sizes that can be.
    """
    processes = world_size()
    if batch % processes:
        raise UsageError(
            f"{processes} processes cannot share train.batch = {batch} evenly. Set it to a "
            f"multiple of {processes}."
        )
