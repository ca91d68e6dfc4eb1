"""What a session took of the memory, back to the system.

A session's pictures and tables come and go on many threads. glibc keeps what they free, in pieces,
so that a server grew by some 10 MB with each session; asked to, it gives it back.
"""

import ctypes
import gc
import sys


def give_back(*, idle: bool) -> None:
    """Free what nobody needs any more. Blocks for some 10 ms; longer, and the loop too, if idle."""
    if idle:
        gc.collect()  # stops every thread: only where nobody sees it
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "malloc_trim"):  # glibc has it
            library.malloc_trim(0)
