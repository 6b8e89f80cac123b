"""Storage formats: exact decoding, bit counts against counting by hand, errors of one line."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import TraceError, UnknownNameError
from accelsim.formats import FORMATS, encode
from accelsim.formats.huffman import code_lengths


def sparse(shape: tuple[int, int], density: float, bits: int = 8, seed: int = 0, dtype: type = np.int64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    top = 2 ** (bits - 1)
    return (rng.integers(-top, top, shape) * (rng.random(shape) < density)).astype(dtype)


@pytest.mark.parametrize("name", FORMATS)
@given(
    rows=st.integers(0, 150), columns=st.integers(0, 150), bits=st.sampled_from([2, 3, 8, 16, 33, 64]),
    density=st.sampled_from([0.0, 0.02, 0.3, 1.0]), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_decode_gives_the_matrix_back(
    name: str, rows: int, columns: int, bits: int, density: float, seed: int
) -> None:  # fmt: skip
    matrix = sparse((rows, columns), density, bits, seed)
    encoded = encode(matrix, name, value_bits=bits)
    decoded = encoded.decode()
    assert decoded.dtype == matrix.dtype
    np.testing.assert_array_equal(decoded, matrix)
    assert encoded.bits == encoded.value_bits_total + encoded.index_bits_total + encoded.table_bits
    assert encoded.padding_entries >= 0


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint16, ">i4", np.uint64])
def test_any_integer_type_and_layout(name: str, dtype: str) -> None:
    matrix = np.abs(sparse((70, 131), 0.1, seed=3)).clip(0, 127).astype(dtype)
    for view in (matrix, np.asfortranarray(matrix), matrix[::2, 1::3], matrix.T):
        np.testing.assert_array_equal(encode(view, name).decode(), view)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_encoded_does_not_follow_the_matrix(name: str) -> None:
    matrix = sparse((9, 70), 0.4)
    encoded, before = encode(matrix, name), matrix.copy()
    matrix[:] = 0
    np.testing.assert_array_equal(encoded.decode(), before)


def test_csr_absolute_by_hand() -> None:
    matrix = np.zeros((65, 70), np.int64)
    matrix[0, 1], matrix[0, 69], matrix[2, 0], matrix[64, 64] = 5, 6, 7, 8
    encoded = encode(matrix, "csr_absolute")
    np.testing.assert_array_equal(encoded.values, [5, 7, 6, 8])
    np.testing.assert_array_equal(encoded.columns, [1, 0, 5, 0])
    top_left, top_right, below = encoded.extents[:64], encoded.extents[64:128], encoded.extents[128:]
    np.testing.assert_array_equal(top_left, [1, 1] + 62 * [2])
    np.testing.assert_array_equal(top_right, 64 * [1])
    np.testing.assert_array_equal(below, [0, 1])
    assert encoded.index_bits_total == 4 * 6 + 130 * 13


def test_a_full_block_needs_all_13_bits_of_an_extent() -> None:
    encoded = encode(np.ones((64, 64), np.int8), "csr_absolute")
    assert encoded.extents[-1] == 4096
    np.testing.assert_array_equal(encoded.decode(), 1)


@pytest.mark.parametrize("block", [(1, 1), (3, 5), (64, 16), (500, 500)])
def test_csr_absolute_in_other_blocks(block: tuple[int, int]) -> None:
    matrix = sparse((37, 41), 0.3)
    encoded = encode(matrix, "csr_absolute", block=block)
    np.testing.assert_array_equal(encoded.decode(), matrix)
    column, extent = (block[1] - 1).bit_length(), (block[0] * block[1]).bit_length()
    extents = 37 * -(-41 // block[1])
    assert encoded.index_bits_total == np.count_nonzero(matrix) * column + extents * extent


def test_the_storage_of_lenet5_in_the_paper() -> None:
    """Table XIV of ADMM-NN-S: the 223 weights left in LeNet-5's CONV layers take 0.93 KB at 3 bits, absolute index."""
    rng, bits = np.random.default_rng(0), 0
    for shape, kept in (((20, 25), 23), ((50, 500), 200)):
        flat = np.repeat([3, 0], [kept, shape[0] * shape[1] - kept])
        bits += encode(rng.permutation(flat).reshape(shape), "csr_absolute", value_bits=3).bits
    assert bits / 8 == pytest.approx(933, abs=0.5)


def plain_entries(flat: list[int], index_bits: int, closed: bool) -> list[tuple[int, int]]:
    """(zeros, value) pairs, one element after another."""
    pairs, zeros = [], 0
    for value in flat:
        if value or zeros == 2**index_bits - 1:
            pairs.append((zeros, value))
            zeros = 0
        else:
            zeros += 1
    if closed and zeros:
        pairs.append((zeros - 1, 0))
    while not closed and pairs and pairs[-1][1] == 0:
        pairs.pop()
    return pairs


@given(
    name=st.sampled_from(["csr_relative", "rle"]), index_bits=st.integers(1, 6),
    flat=st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 3, -4]), min_size=1, max_size=200),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_distances_against_plain_counting(name: str, index_bits: int, flat: list[int]) -> None:
    encoded = encode(np.array([flat]), name, value_bits=3, index_bits=index_bits)
    pairs = plain_entries(flat, index_bits, name == "rle")
    assert list(zip(encoded.distances.tolist(), encoded.values.tolist(), strict=True)) == pairs
    assert encoded.value_bits_total == 3 * len(pairs)
    assert encoded.index_bits_total == index_bits * len(pairs)
    assert encoded.padding_entries == sum(value == 0 for _, value in pairs)


@pytest.mark.parametrize("name", ["csr_relative", "rle"])
@pytest.mark.parametrize("density", [0.0, 0.001, 0.03, 0.4, 1.0])
def test_no_width_given_takes_the_one_with_the_fewest_bits(name: str, density: float) -> None:
    matrix = sparse((90, 111), density, bits=4)
    best = min(encode(matrix, name, value_bits=4, index_bits=bits).bits for bits in range(1, 33))
    assert encode(matrix, name, value_bits=4).bits == best


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=40))
def test_huffman_codes_are_complete_and_near_the_entropy(counts: list[int]) -> None:
    lengths = np.array(code_lengths(counts))
    assert sum(2.0**-lengths) == 1.0
    share = np.array(counts) / sum(counts)
    entropy = -(share * np.log2(share)).sum()
    assert entropy - 1e-9 <= share @ lengths <= entropy + 1


def test_huffman_of_long_codes() -> None:
    """Fibonacci counts give the longest codes, over one byte."""
    counts = [1, 1]
    while len(counts) < 20:
        counts.append(counts[-1] + counts[-2])
    matrix = np.random.default_rng(0).permutation(np.repeat(np.arange(20), counts))[None]
    encoded = encode(matrix, "huffman")
    assert max(encoded.lengths) == 19
    assert encoded.value_bits_total == sum(n * bits for n, bits in zip(counts, code_lengths(counts), strict=True))
    np.testing.assert_array_equal(encoded.decode(), matrix)


def test_one_bit_holds_two_values() -> None:
    signs = np.array([[1, -1, -1]])
    pruned = np.array([[1, 0, -1]])
    for name in FORMATS:
        np.testing.assert_array_equal(encode(signs, name, value_bits=1).decode(), signs)
    for name in ("bitmap", "csr_absolute", "csr_relative", "rle"):
        np.testing.assert_array_equal(encode(pruned, name, value_bits=1).decode(), pruned)
    for name in ("dense", "huffman"):
        with pytest.raises(TraceError, match="two value_bits"):
            encode(pruned, name, value_bits=1)


GOOD = np.array([[1, 0, -3]])


@pytest.mark.parametrize(
    ("matrix", "settings", "said"),
    [
        (GOOD * 100, {}, "holds -300.*-128 to 127"),
        (GOOD, {"value_bits": 2}, "holds -3.*-2 to 1"),
        (GOOD.astype(np.uint64), {"value_bits": 64}, r"holds 18446744073709551613"),
        (GOOD.astype(float), {}, "float64"),
        (np.array([[1.0, np.nan]]), {}, "nan at .0, 1."),
        (GOOD[0], {}, "2 axes"),
        (GOOD[None], {}, "2 axes"),
        (np.zeros((0, 3)), {}, "float64"),
        ([[1, 2], [3]], {}, "no array"),
        ([["a"]], {}, "integers"),
        (GOOD == 1, {}, "bool"),
        (GOOD, {"value_bits": 0}, "value_bits is 0; an integer from 1 to 64"),
        (GOOD, {"value_bits": 8.0}, "value_bits is 8.0"),
        (GOOD, {"index_bits": 0}, "index_bits is 0; an integer from 1 to 32"),
        (GOOD, {"index_bits": 33}, "index_bits is 33"),
        (GOOD, {"index_bits": True}, "index_bits is True"),
        (GOOD, {"block": (0, 64)}, "block is 0"),
        (GOOD, {"block": 64}, "block is 64"),
    ],
)
def test_bad_input_is_one_clear_line(matrix: object, settings: dict[str, object], said: str) -> None:
    for name in FORMATS:
        with pytest.raises(TraceError, match=said) as caught:
            encode(matrix, name, **settings)
        assert "\n" not in str(caught.value)


def test_columns_must_fit_their_bits() -> None:
    with pytest.raises(TraceError, match="index_bits is 5; 6 to 32"):
        encode(GOOD, "csr_absolute", index_bits=5)
    assert encode(GOOD, "csr_absolute", index_bits=8).index_bits_total == 2 * 8 + 13


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'csr_relative'"):
        encode(GOOD, "csr_relativ")
    with pytest.raises(UnknownNameError):
        encode(GOOD, None)


def test_import_is_light() -> None:
    code = "import sys, accelsim.formats as f; f.encode; assert not {'numba', 'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
