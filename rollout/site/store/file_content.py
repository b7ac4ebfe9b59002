"""Reads, copies and writes file contents, and computes their digests. Holes of sparse files are skipped.

A manifest names a content by the BLAKE2b-160 of the bytes. `sparse:` is followed by the digest of the data segments and
their offsets. `unread` is a file that cannot be read, or whose file system does not report its holes. Links are never
followed. A FIFO in place of the file blocks nothing.
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
_SPARSE_FROM = 16 * 1024**2  # smaller files are read whole
_READ_WHOLE_TO = 1024**3  # for a file whose file system does not report its holes
_BLOCK = 1 << 20
_COUNT = struct.Struct(">Q")
_SEGMENT = struct.Struct(">QQ")  # offset, length


class NotAFile(OSError):
    """The path is no regular file."""


def object_of(content: str) -> str | None:
    """The digest of the object that stores a content; None for an unread one."""
    digest = content.removeprefix(SPARSE)
    return None if digest == UNREAD else digest


def content_of(path: str) -> str:
    """The manifest's name for the content of a file. Raises OSError if it is gone or no regular file.

    An unreadable file is `unread`. Its size, mode and time are still compared.
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
    """The object that stores a file, in blocks. Raises OSError if it is gone or no regular file."""
    with _opened(path) as (handle, info):
        segments = _segments(handle, info) if content.startswith(SPARSE) else None
        yield from _chunks(handle, segments)


def write(handle: int, size: int, content: str, data: bytes) -> None:
    """Write the content that an object stores into an empty file."""
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
    """The segments with data: the whole file unless it is mostly holes. None if they are unknown."""
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
            begin, end = end, size  # the file system does not support it
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
