"""Archives give their members as sources, within bounds, and no name of theirs does harm."""

import gzip
import io
import tarfile
import zipfile

import pytest
import zstandard

from tests.read.dumps import dump, request, source, span
from tracelens.errors import InputError, LimitError
from tracelens.policy.limits import Limits
from tracelens.read import Source, read_spans, sources_in

DUMP = dump(request(span()))


def zipped(*members, **options):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


def tarred(*members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def members(data, limits=None):
    found = sources_in(source(data, "a.bin"), limits or Limits())
    return None if found is None else list(found)


def spans_in(found):
    return [sum(frame.height for frame in read_spans(each, {})) for each in found]


@pytest.mark.parametrize(
    "pack",
    [
        zipped,
        tarred,
        lambda *found: gzip.compress(tarred(*found)),
        lambda *found: zstandard.compress(tarred(*found)),
    ],
    ids=["zip", "tar", "tar.gz", "tar.zst"],
)
def test_members_are_sources_in_any_order_and_again(pack):
    packed = gzip.compress(DUMP * 2)
    found = members(pack(("x/one.jsonl", DUMP), ("two.gz", packed), (".DS_Store", b"x")))
    assert [each.path for each in found] == ["a.bin!x/one.jsonl", "a.bin!two.gz"]
    assert [each.bytes for each in found] == [len(DUMP), len(packed)]
    assert spans_in(reversed(found)) == [2, 1]
    assert spans_in(found) == [1, 2]
    with found[0].open() as one, found[1].open() as two:
        assert (one.read(3), two.read(2), one.read(3)) == (DUMP[:3], packed[:2], DUMP[3:6])


@pytest.mark.parametrize(
    "data", [DUMP, gzip.compress(DUMP), zstandard.compress(DUMP), b"", b"\x1f\x8b", b"PK"]
)
def test_what_is_no_archive_is_none(data):
    assert members(data) is None


def test_a_stream_that_cannot_be_sought_is_none():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    assert sources_in(Source("-", lambda: Pipe(zipped(("a", DUMP)))), Limits()) is None


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_inside_is_refused_when_read(pack):
    found = members(pack(("inner.zip", zipped(("x", DUMP))), ("inner.tar", tarred(("x", DUMP)))))
    for each, name in zip(found, ("a zip archive", "a tar archive"), strict=True):
        with pytest.raises(InputError, match=name):
            list(read_spans(each, {}))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hostile_names_are_shown_and_nothing_else(pack):
    names = ["../../evil.json", "/abs.json", "C:\\x.json", "a\x1b[31m.json", "n" * 500]
    found = members(pack(*[(name, DUMP) for name in names]))
    shown = [each.path.removeprefix("a.bin!") for each in found]
    assert shown[0].startswith("../../evil")
    assert shown[3] == "a\\x1b[31m.json"
    assert len(shown[4]) == 200
    assert spans_in(found) == [1] * 5


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_repeat_are_told_apart():
    found = members(zipped(("a", DUMP), ("a", DUMP * 2)))
    assert [each.path for each in found] == ["a.bin!a", "a.bin!a#2"]
    assert spans_in(found) == [1, 2]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_more_members_than_allowed_are_refused(pack):
    data = pack(*[(f"{n}.json", DUMP) for n in range(20)])
    with pytest.raises(LimitError, match=r"archive_members"):
        members(data, Limits(archive_members=5))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_more_bytes_than_allowed_are_refused(pack):
    with pytest.raises(LimitError, match="decompressed_bytes"):
        members(pack(("a", DUMP), ("b", DUMP)), Limits(decompressed_bytes=len(DUMP) + 1))


def test_a_bomb_is_refused_before_it_is_opened():
    with pytest.raises(LimitError, match="compression_ratio"):
        members(zipped(("a", bytes(80_000_000)), compresslevel=9), Limits(compression_ratio=100))
    with pytest.raises(LimitError, match="compression_ratio"):
        members(gzip.compress(tarred(("a", bytes(80_000_000)))), Limits(compression_ratio=100))


def test_links_devices_and_folders_are_left_out():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            entry = tarfile.TarInfo("x")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    with pytest.raises(InputError, match="holds no files"):
        members(data.getvalue())


def test_an_encrypted_member_is_named():
    data = bytearray(zipped(("a.json", DUMP)))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    [found] = members(bytes(data))
    with pytest.raises(InputError, match="this member is encrypted"):
        list(read_spans(found, {}))


def test_a_damaged_member_costs_itself():
    data = bytearray(zipped(("a.json", DUMP), ("b.json", DUMP)))
    data[40] ^= 0xFF
    first, second = members(bytes(data))
    with pytest.raises(InputError, match="cannot be unpacked"):
        list(read_spans(first, {}))
    assert spans_in([second]) == [1]


@pytest.mark.parametrize("size", [30, 100])
def test_a_cut_archive_is_named(size):
    with pytest.raises(InputError, match="zip archive"):
        members(zipped(("a.json", DUMP))[:size])


def test_a_header_that_lies_is_no_memory():
    data = bytearray(tarred(("a", DUMP)))
    data[124:136] = b"77777777777\0"
    data[156:157] = b"x"
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    with pytest.raises(InputError, match="damaged"):
        members(bytes(data))


def test_an_office_document_is_named():
    with pytest.raises(InputError, match="an office document"):
        members(zipped(("[Content_Types].xml", "<x/>"), ("xl/a.xml", "<x/>")))


def test_damage_anywhere_is_an_input_error():
    whole = zipped(("a.json", DUMP))
    for at in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[at] ^= 0x5A
        try:
            for each in members(bytes(damaged)) or ():
                list(read_spans(each, {}))
        except InputError:
            pass
