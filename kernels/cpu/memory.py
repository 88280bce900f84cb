"""Where arrays live: memory that is kept when it is freed, in large pages."""

import ctypes
import mmap
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST = 1 << 30  # bytes
LARGE_PAGE, IN_LARGE_PAGES = 1 << 21, 1 << 29  # bytes


def keep_memory() -> None:
    """Let the C library keep what is freed: a training step asks for the same arrays again.

    glibc gives arrays of 128 kB and more back to Linux, which then clears each page anew: 4600 page faults,
    13 of 74 ms, in a GPT step of 12 × 64 tokens. Other C libraries have no such switch.
    """
    if sys.platform == "linux" and (adjust := getattr(ctypes.CDLL(None), "mallopt", None)):
        # glibc before 2.35 takes 32 MB at most; without this one the other does harm
        if adjust(M_MMAP_THRESHOLD, LARGEST) or adjust(M_MMAP_THRESHOLD, 32 << 20):
            adjust(M_TRIM_THRESHOLD, LARGEST)
            _ask_for_large_pages()


def _ask_for_large_pages() -> None:
    """Grow the C library's memory by addresses that nobody has used yet, and ask for large pages there.

    The processor knows where about 2000 pages are. Of 4 kB these are 8 MB: a GPT step of 8 × 256 tokens
    took 690 ms, with pages of 2 MB 620. What is not used costs no memory.
    """
    library = ctypes.CDLL(None)
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if place := library.malloc(IN_LARGE_PAGES):
        first = -(-place // LARGE_PAGE) * LARGE_PAGE
        library.madvise(first, IN_LARGE_PAGES - LARGE_PAGE, mmap.MADV_HUGEPAGE)
        library.free(place)
