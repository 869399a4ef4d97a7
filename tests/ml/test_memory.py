import platform
import subprocess
import sys

import pytest

CODE = """
import resource, torch
from ml.memory import keep_freed_memory
{call}
for _ in range(3):
    [torch.ones(4 << 20) for _ in range(8)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    [torch.ones(4 << 20) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator is told")
def test_that_freed_memory_is_used_again():
    faults = [
        int(subprocess.check_output([sys.executable, "-c", CODE.format(call=call)], text=True))
        for call in ("", "assert keep_freed_memory()")
    ]

    if not faults[0]:
        pytest.skip("this system counts no page faults")
    assert faults[1] < 0.1 * faults[0]
