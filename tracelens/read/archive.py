"""Archives as inputs: the members of a zip or tar file, each a source of its own.

Nothing is unpacked to disk under a name. A compressed tar is undone into an unnamed temporary
file, because its members could only be reached by reading all that is before them, again and again.
"""

from __future__ import annotations

import io
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, BinaryIO, Final

import zstandard

from tracelens.errors import InputError, LimitError
from tracelens.policy.limits import Limits
from tracelens.read.decompress import GZIP, RATIO_FLOOR, ZSTD, Decompressed, new_frame
from tracelens.read.source import Source
from tracelens.read.tally import Tally

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_HEAD: Final = 64 * 1024
_BLOCK: Final = 512
#: More than this in one directory entry of a zip is the name of no real file.
_ENTRY_BYTES: Final = 1024
#: No header of a tar is longer, whatever it claims.
_HEADER_BYTES: Final = 1024**2
_MEMORY: Final = 16 * 1024**2
_SHOWN: Final = 200
_EXPORT: Final = "Name the trace files themselves."


def sources_in(source: Source, limits: Limits) -> Iterator[Source] | None:
    """The members of a zip or tar archive as sources named `archive.zip!path/in/it`.

    None when the bytes are no archive, whatever the name says. Recognised are zip and tar, plain or
    in gzip or zstd. Folders, links, devices and files that systems hide are left out; an archive
    inside is a source, which then is refused as an archive. A member that cannot be read
    (encrypted, sparse, packed in an unknown way) is a source that raises InputError when opened.

    The sources share one open file and may be opened in any order, also several times. InputError
    for a damaged archive, LimitError (when iterated) beyond `archive_members`, `decompressed_bytes`
    for all members together, or `compression_ratio`.
    """
    with source.open() as file:
        if not file.seekable():
            return None
        head = file.read(_HEAD)
    if head.startswith(_ZIP):
        return zip_members(source, limits)
    if is_tar(head):
        return tar_members(source, source.open, limits)
    if head.startswith((GZIP, ZSTD)) and is_tar(first_block(head)):
        return tar_members(source, partial(unpacked, source, limits), limits)
    return None


def is_tar(head: bytes) -> bool:
    """Whether bytes begin a tar file of POSIX or GNU."""
    return head[257:262] == b"ustar"


def first_block(head: bytes) -> bytes:
    """The first decompressed bytes; none when they cannot be had."""
    if head.startswith(GZIP):
        try:
            return zlib.decompressobj(wbits=31).decompress(head, _BLOCK)
        except zlib.error:
            return b""
    try:
        return new_frame().decompress(head[:2048])[:_BLOCK]
    except zstandard.ZstdError:
        return b""


def unpacked(source: Source, limits: Limits) -> BinaryIO:
    """A compressed source as a temporary file, within the limits of one input."""
    stream = Decompressed(source, Tally(source.path, limits), limits)
    file = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115 - its members are read from it
    try:
        for chunk in stream:
            file.write(chunk)
    except InputError:
        file.close()
        raise
    file.seek(0)
    return file  # type: ignore[return-value]


def zip_members(source: Source, limits: Limits) -> Iterator[Source]:
    """The members of a zip archive, in the order of its directory."""
    file = Shared(source.open())
    check_directory(source.path, file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise InputError(
            f"{source.path}: this zip archive is damaged ({error}). Copy it again."
        ) from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if any(entry.filename == "[Content_Types].xml" for entry in entries):
        raise InputError(f"{source.path}: this looks like an office document. {_EXPORT}")
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    check_total(source.path, total, packed, limits)
    names = Names(source.path)
    for entry in entries:
        if names.wanted(entry.filename):
            opener = partial(open_zipped, archive, entry, names.path(entry.filename))
            yield Source(names.last, opener, entry.file_size)
    if not names.seen:
        raise InputError(f"{source.path}: this zip archive holds no files. {_EXPORT}")


def check_directory(path: str, file: Shared, limits: Limits) -> None:
    """Refuse a directory of too many entries before it is parsed, by the record that ends a zip."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - _HEAD - 22))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    file.seek(0)
    if at < 0 or len(tail) - at < 22:
        raise InputError(f"{path}: this zip archive has no end. Copy it again.")
    count, size = struct.unpack("<HL", tail[at + 10 : at + 16])
    if count > limits.archive_members or size > limits.archive_members * _ENTRY_BYTES:
        raise too_many(path, limits)


def open_zipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> BinaryIO:
    """A member of a zip; InputError when it is encrypted or packed in an unknown way."""
    if entry.flag_bits & 1:
        raise InputError(f"{path}: this member is encrypted. Unpack it with its password first.")
    try:
        return Guarded(archive.open(entry), path)  # type: ignore[return-value]
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise damaged_member(path, error) from error


def tar_members(source: Source, opener: Callable[[], BinaryIO], limits: Limits) -> Iterator[Source]:
    """The regular files of a tar archive, in its order."""
    file = Shared(opener())
    names = Names(source.path)
    total = 0
    for count, entry in enumerate(tar_entries(source.path, file), 1):
        total += entry.size
        if count > limits.archive_members:
            raise too_many(source.path, limits)
        check_total(source.path, total, total, limits)
        if entry.isfile() and names.wanted(entry.name):
            path = names.path(entry.name)
            yield Source(path, partial(open_member, file, entry, path), entry.size)
    if not names.seen:
        raise InputError(f"{source.path}: this tar archive holds no files. {_EXPORT}")


def tar_entries(path: str, file: Shared) -> Iterator[tarfile.TarInfo]:
    """The headers of a tar, one after the other, none kept."""
    try:
        with tarfile.open(fileobj=Headers(file), mode="r:") as archive:
            while (entry := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]
                yield entry
    except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError) as error:
        raise InputError(
            f"{path}: this tar archive is damaged ({error}). Copy it again."
        ) from error


def open_member(file: Shared, entry: tarfile.TarInfo, path: str) -> BinaryIO:
    """A member of a tar by its place in the file."""
    if entry.issparse():
        raise InputError(f"{path}: this member is a sparse file. Unpack it first.")
    return Slice(file, entry.offset_data, entry.size)  # type: ignore[return-value]


def check_total(path: str, total: int, packed: int, limits: Limits) -> None:
    """LimitError when all members together are too much."""
    if total > limits.decompressed_bytes:
        raise LimitError(
            f"{path}: its members are more than {limits.decompressed_bytes} bytes when unpacked. "
            "Raise limits.decompressed_bytes in the policy or split the archive."
        )
    if total > RATIO_FLOOR and total > packed * limits.compression_ratio:
        raise LimitError(
            f"{path}: its members unpack to more than {limits.compression_ratio} times their size, "
            "as an attack would. If the archive is yours, raise limits.compression_ratio in the "
            "policy."
        )


def too_many(path: str, limits: Limits) -> LimitError:
    """The error for an archive of more members than allowed."""
    return LimitError(
        f"{path}: more than {limits.archive_members} members. Raise limits.archive_members in the "
        "policy or unpack the archive first."
    )


def damaged_member(path: str, error: Exception) -> InputError:
    """The error for a member that cannot be read."""
    return InputError(f"{path}: this member cannot be unpacked ({error}). Unpack it another way.")


class Names:
    """Names of members as people may see them, each once."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.seen: dict[str, int] = {}
        self.last = ""

    def wanted(self, name: str) -> bool:
        """Whether a member is no file that systems add of their own accord."""
        parts = name.replace("\\", "/").split("/")
        return bool(parts[-1]) and not parts[-1].startswith(".") and parts[0] != "__MACOSX"

    def path(self, name: str) -> str:
        """The name behind that of its archive, control characters shown, `#2` when it repeats."""
        shown = "".join(
            char if char.isprintable() else char.encode("unicode_escape", "replace").decode()
            for char in name[:_SHOWN].encode("utf-8", "replace").decode()
        )
        self.seen[shown] = self.seen.get(shown, 0) + 1
        number = self.seen[shown]
        self.last = f"{self.archive}!{shown}" + (f"#{number}" if number > 1 else "")
        return self.last


class Shared(io.RawIOBase):
    """A file that the sources of its members share, closed when the last of them is gone."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, size: int | None = -1) -> bytes:
        return self.file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.file.close()
        super().close()


class Headers(io.RawIOBase):
    """A tar file as its headers are read: never much at once, whatever a header claims."""

    def __init__(self, file: Shared) -> None:
        # Members are read from the same file in between, so the place is kept here.
        self.file, self.at = file, 0

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _HEADER_BYTES:
            raise ValueError("a header is longer than any real one")
        self.file.seek(self.at)
        data = self.file.read(size)
        self.at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = self.file.seek(offset, whence)
        return self.at

    def tell(self) -> int:
        return self.at

    def seekable(self) -> bool:
        return True


class Slice(io.RawIOBase):
    """A part of a file that others read as well."""

    def __init__(self, file: Shared, start: int, size: int) -> None:
        self.file, self.at, self.stop = file, start, start + size

    def read(self, size: int | None = -1) -> bytes:
        left = self.stop - self.at
        self.file.seek(self.at)
        data = self.file.read(left if size is None or size < 0 else min(size, left))
        self.at += len(data)
        return data


class Guarded(io.RawIOBase):
    """A member of a zip whose damage is an InputError."""

    def __init__(self, file: IO[bytes], path: str) -> None:
        self.file, self.path = file, path

    def read(self, size: int | None = -1) -> bytes:
        try:
            return self.file.read(-1 if size is None else size)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise damaged_member(self.path, error) from error

    def close(self) -> None:
        self.file.close()
        super().close()
