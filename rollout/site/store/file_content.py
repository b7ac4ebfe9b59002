"""Stores the content of a file: its bytes, or of a sparse file only the parts with data.

An entry of a manifest names it: the BLAKE2b-160 of the bytes; `sparse:` and that of where data is and the data; or
`unread`, for a file that cannot be read, or has holes that its file system does not tell. Nothing here follows a link,
nor waits for a FIFO that has taken a file's place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
from collections.abc import Iterator

SPARSE = "sparse:"
UNREAD = "unread"
_SPARSE_FROM = 16 * 1024**2  # smaller files are read as they are
_READ_WHOLE_TO = 1024**3  # of a file with holes where the file system does not say where they are
_BLOCK = 1 << 20
_COUNT = struct.Struct(">Q")
_SEGMENT = struct.Struct(">QQ")  # offset, length


class NotAFile(OSError):
    """The path is not a regular file (any more)."""


def object_of(content: str) -> str | None:
    """The digest of the object that stores a content; None where nothing does."""
    digest = content.removeprefix(SPARSE)
    return None if digest == UNREAD else digest


def content_of(path: str) -> str:
    """The manifest's name for the content of a file. Raises OSError where it is gone or not a regular file.

    A file that may not be read is `unread`: a difference of size, mode or time is still seen.
    """
    try:
        with _opened(path) as (handle, info):
            segments = _segments(handle, info)
            if segments is None:
                return UNREAD
            total = hashlib.blake2b(digest_size=20)
            is_sparse = segments != [(0, info.st_size)]
            for chunk in _chunks(handle, segments if is_sparse else None):
                total.update(chunk)
            return f"{SPARSE if is_sparse else ''}{total.hexdigest()}"
    except PermissionError:
        return UNREAD


def chunks(path: str, content: str) -> Iterator[bytes]:
    """The stored object of a file, in blocks. Raises OSError where it is gone or not a regular file."""
    with _opened(path) as (handle, info):
        segments = _segments(handle, info) if content.startswith(SPARSE) else None
        yield from _chunks(handle, segments)


def write(handle: int, size: int, content: str, data: bytes) -> None:
    """Write what an object holds into an empty file."""
    if not content.startswith(SPARSE):
        _write(handle, memoryview(data))
        return
    count = _COUNT.unpack_from(data)[0]
    begin = _COUNT.size + count * _SEGMENT.size
    os.ftruncate(handle, size)
    for number in range(count):
        offset, length = _SEGMENT.unpack_from(data, _COUNT.size + number * _SEGMENT.size)
        os.lseek(handle, offset, os.SEEK_SET)
        _write(handle, memoryview(data)[begin : begin + length])
        begin += length


def copy(source: str, target: str) -> None:
    """Copy a regular file with holes and permissions to a new path. Raises OSError."""
    with _opened(source) as (handle, info):
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(made, info.st_size)
            for offset, length in _data(handle, info.st_size):
                os.lseek(made, offset, os.SEEK_SET)
                for block in _blocks(handle, offset, length):
                    _write(made, memoryview(block))
            os.fchmod(made, stat.S_IMODE(info.st_mode))
            os.utime(made, ns=(info.st_atime_ns, info.st_mtime_ns))
        finally:
            os.close(made)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[int, os.stat_result]]:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise NotAFile(errno.EINVAL, "not a regular file", path)
        yield handle, info
    finally:
        os.close(handle)


def _segments(handle: int, info: os.stat_result) -> list[tuple[int, int]] | None:
    """The parts of a file with data: the whole file, unless it is mostly holes. None where that is unknown."""
    whole = [(0, info.st_size)]
    if info.st_size < _SPARSE_FROM:
        return whole
    found = list(_data(handle, info.st_size))
    if sum(length for _offset, length in found) * 2 < info.st_size:
        return found
    if info.st_blocks * 1024 < info.st_size and info.st_size > _READ_WHOLE_TO:
        return None
    return whole


def _data(handle: int, size: int) -> Iterator[tuple[int, int]]:
    end = 0
    while end < size:
        try:
            begin = os.lseek(handle, end, os.SEEK_DATA)
            end = os.lseek(handle, begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # holes up to the end
                return
            begin, end = end, size  # it cannot be asked
        yield begin, end - begin


def _chunks(handle: int, segments: list[tuple[int, int]] | None) -> Iterator[bytes]:
    if segments is None:
        os.lseek(handle, 0, os.SEEK_SET)
        while block := os.read(handle, _BLOCK):
            yield block
        return
    yield _COUNT.pack(len(segments)) + b"".join(_SEGMENT.pack(*segment) for segment in segments)
    for offset, length in segments:
        yield from _blocks(handle, offset, length)


def _blocks(handle: int, offset: int, length: int) -> Iterator[bytes]:
    while length and (block := os.pread(handle, min(_BLOCK, length), offset)):
        yield block
        offset, length = offset + len(block), length - len(block)


def _write(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data) :]
