"""Files of one record a line, to which several processes add over years."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def append_lines(path: Path, data: bytes) -> None:
    """Add whole lines, all of them or nothing, and have them on disk before returning. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # somebody was killed while writing; what is new gets a line of its own
        try:
            if os.write(descriptor, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
