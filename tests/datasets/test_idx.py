"""IDX files: what is written comes back, and every malformation is refused with its reason."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from scratchdae.datasets import read_idx


def idx_bytes(array, code=0x08):
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def read_or_refuse(path):
    """Return the array, or None where the file was refused by an error that names it."""
    try:
        return read_idx(path)
    except ValueError as error:
        if str(path) not in str(error):
            raise
        return None


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file-idx"


SMALL = idx_bytes(np.arange(6, dtype=np.uint8).reshape(2, 3))

arrays = npst.arrays(np.uint8, npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))


@given(array=arrays, pack=st.booleans())
def test_round_trip(path, array, pack):
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if pack else content)
    found = read_idx(path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array, strict=True)


def test_the_array_may_be_written_to(path):
    path.write_bytes(SMALL)
    array = read_idx(str(path))
    array[0, 0] = 7
    assert read_idx(path)[0, 0] == 0


@given(data=st.data(), pack=st.booleans())
def test_any_other_length_is_refused(path, data, pack):
    """Cut anywhere, or with anything appended: never an array, always a ValueError that names the file."""
    cut = data.draw(st.integers(0, len(SMALL) - 1))
    content = data.draw(st.sampled_from([SMALL[:cut], SMALL + b"\0" * (cut + 1)]))
    path.write_bytes(gzip.compress(content) if pack else content)
    with pytest.raises(ValueError, match="file-idx: "):
        read_idx(path)


@given(header=st.binary(min_size=4, max_size=4), body=st.binary(max_size=30))
def test_arbitrary_bytes_are_an_array_or_a_value_error(path, header, body):
    path.write_bytes(header + body)
    array = read_or_refuse(path)
    assert array is None or idx_bytes(array) == header + body


@given(cut=st.integers(3, len(gzip.compress(SMALL)) - 1))
def test_a_truncated_gzip_is_refused(path, cut):
    path.write_bytes(gzip.compress(SMALL)[:cut])
    with pytest.raises(ValueError, match="must be a whole gzip file"):
        read_idx(path)


@given(position=st.integers(10, len(gzip.compress(SMALL)) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_in_a_gzip_is_noticed(path, position, bit):
    """The checksum inside gzip sees it: nothing but the written array may come back (a padding bit may not matter)."""
    content = bytearray(gzip.compress(SMALL))
    content[position] ^= 1 << bit
    path.write_bytes(content)
    array = read_or_refuse(path)
    assert array is None or idx_bytes(array) == SMALL


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic number of 4 bytes, found 0 bytes in all"),
        (b"\0\0\x08", "magic number of 4 bytes, found 3 bytes in all"),
        (b"\x89PNG\r\n\x1a\n", "magic number of an IDX file must begin with 0000, found 89504e47"),
        (b"\x03\x08\0\0" + SMALL[4:], "must begin with 0000, found 03080000"),  # little-endian
        (idx_bytes(np.zeros(2, np.uint8), code=0x0A), "type of the numbers must be one of .*, found 0x0a"),
        (idx_bytes(np.zeros(2, np.uint8), code=0x77), "found 0x77"),
        (b"\0\0\x08\0", "number of dimensions must be at least 1, found 0"),
        (SMALL[:7], "header of 2 dimensions must have 12 bytes, found 7"),
        (SMALL[:-1], r"shape \(2, 3\) must make 18 bytes, header included, found 17"),
        (SMALL + b"\n", r"shape \(2, 3\) must make 18 bytes, header included, found 19"),
        (b"\0\0\x08\xff" + b"\xff" * 1020, "must make"),  # a shape too large for any integer type
        (b"\x1f\x8b\x08", "must be a whole gzip file"),
    ],
)
def test_the_error_says_what_was_found_and_expected(path, content, message):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_idx(path)
    assert str(path) in str(raised.value)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


def test_no_more_is_unpacked_than_the_header_promises(path, monkeypatch):
    unpacked = []
    read = gzip.GzipFile.read

    def counted(self, size=-1):
        unpacked.append(len(content := read(self, size)))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    path.write_bytes(gzip.compress(SMALL + bytes(2 * 10**8)))
    with pytest.raises(ValueError, match=r"shape \(2, 3\) must make 18 bytes, header included, found 19 or more"):
        read_idx(path)
    assert sum(unpacked) < 100


@pytest.mark.parametrize("pack", [False, True])
def test_a_promise_that_cannot_be_kept_takes_no_memory(path, pack):
    content = b"\0\0\x08\x02" + b"\xff" * 8 + bytes(1000)
    path.write_bytes(gzip.compress(content) if pack else content)
    with pytest.raises(
        ValueError, match=r"must make 18446744065119617037 bytes, header included, found (at most )?\d+"
    ):
        read_idx(path)
    path.write_bytes(b"\0\0\x08\x03" + bytes(4) + b"\xff" * 8)
    with pytest.raises(ValueError, match=r"file-idx: shape \(0, 4294967295, 4294967295\) is that of no array"):
        read_idx(path)
    path.write_bytes(b"\0\0\x08\xff" + bytes(1020))
    with pytest.raises(ValueError, match=r"file-idx: shape \(0, .*\[...\] is that of no array"):
        read_idx(path)
