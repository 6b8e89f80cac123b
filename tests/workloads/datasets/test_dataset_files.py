"""Loaders of the usual data sets' files, on small files in the same format, and on files that are not."""

import gzip
import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from accelsim.errors import AccelSimError, ConfigError, FileFormatError, MissingFileError
from workloads.datasets import (
    ImageFolder,
    TokenBatches,
    brown,
    cifar10,
    cifar100,
    imdb,
    mnist,
    penn_treebank,
    read_idx,
)
from workloads.datasets.image_folder import DEVIATION, MEAN
from workloads.datasets.plain_pickle import read_plain
from workloads.datasets.tokens import read_brown

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (7, 3, 32, 32)).astype(np.uint8)


def refused(error: type[AccelSimError], says: str, function, *arguments) -> None:
    """One line that says what is wrong."""
    with pytest.raises(error) as caught:
        function(*arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


# IDX


def idx(values: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


def mnist_folder(folder: Path, packed: bool, ending: str = "-idx{}-ubyte") -> Path:
    for part, count in (("train", 5), ("t10k", 3)):
        for what, values in (
            ("images", PIXELS[:count, 0, :28, :28]),
            ("labels", np.arange(count, dtype=np.uint8)),
        ):
            content = idx(np.ascontiguousarray(values))
            name = f"{part}-{what}{ending.format(values.ndim)}" + (".gz" if packed else "")
            (folder / name).write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize(
    ("packed", "ending"), [(False, "-idx{}-ubyte"), (True, "-idx{}-ubyte"), (False, ".idx{}-ubyte")]
)
def test_mnist_files_plain_and_packed(tmp_path, packed, ending):
    data = mnist(mnist_folder(tmp_path, packed, ending))
    assert torch.equal(
        data.train_images.mul(255).round().byte()[:, 0], torch.from_numpy(PIXELS[:5, 0, :28, :28].copy())
    )
    assert data.train_images.shape == (5, 1, 28, 28)
    assert data.test_labels.tolist() == [0, 1, 2]
    assert float(data.train_images.max()) <= 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_idx_of_any_shape(tmp_path_factory, shape):
    values = RNG.integers(0, 256, shape).astype(np.uint8)
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(idx(values))
    assert np.array_equal(read_idx(path), values)


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "begins with nothing"),
        (b"\x01" + GOOD[1:], "begins with 010008"),
        (GOOD[:2] + b"\x0d" + GOOD[3:], "type 0x0d"),
        (GOOD[:7], "ends within its header of 12 bytes"),
        (GOOD[:-1], "has 17 bytes; its sizes (2, 3) need 18"),
        (GOOD + b"x", "has 19 bytes"),
        (struct.pack(">BBBB3I", 0, 0, 8, 3, *3 * [2**32 - 1]), "need"),
    ],
)
def test_idx_that_is_wrong_is_refused(tmp_path, content, says):
    (tmp_path / "file").write_bytes(content)
    refused(FileFormatError, says, read_idx, tmp_path / "file")


def test_mnist_that_is_cut_missing_or_uneven_is_refused(tmp_path):
    refused(MissingFileError, "train-images-idx3-ubyte", mnist, tmp_path)
    mnist_folder(tmp_path, packed=True)
    whole = (tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(whole[:-9])
    refused(FileFormatError, "no whole gzip file", mnist, tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(whole)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(4, np.uint8))))
    refused(FileFormatError, "(3, 28, 28) and (4,)", mnist, tmp_path)


# CIFAR


def binary(folder: Path, names: list[str], labels: list[list[int]]) -> None:
    folder.mkdir()
    for name in names:
        rows = [bytes(label) + pixels.tobytes() for label, pixels in zip(labels, PIXELS, strict=False)]
        (folder / name).write_bytes(b"".join(rows))


def batch(key: str, labels: list[int], count: int = 2) -> dict:
    return {"data": PIXELS[:count].reshape(count, -1), key: labels, "filenames": ["a.png", "b.png"][:count]}


TEN = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


def python10(folder: Path, protocol: int = 2, content: dict | None = None) -> Path:
    home = folder / "cifar-10-batches-py"
    home.mkdir()
    for name in TEN:
        (home / name).write_bytes(pickle.dumps(content or batch("labels", [3, 9]), protocol=protocol))
    return folder


def test_cifar10_binary(tmp_path):
    binary(tmp_path / "cifar-10-batches-bin", [f"{name}.bin" for name in TEN], [[4], [9]])
    data = cifar10(tmp_path)
    assert data.train_images.shape == (10, 3, 32, 32)
    assert data.test_labels.tolist() == [4, 9]
    assert np.array_equal((data.test_images * 255).round().byte().numpy(), PIXELS[:2])


@pytest.mark.parametrize("protocol", range(6))
def test_cifar10_python_of_every_protocol(tmp_path, protocol):
    data = cifar10(python10(tmp_path, protocol) / "cifar-10-batches-py")
    assert data.train_labels.tolist() == 5 * [3, 9]
    assert np.array_equal((data.test_images * 255).round().byte().numpy(), PIXELS[:2])


def test_cifar10_as_python_2_wrote_it(tmp_path):
    """Its strings are bytes of Latin-1, its arrays numpy.core's, in protocol 2 (opcodes U and T)."""
    pixels = PIXELS[:1].tobytes()
    minus_one = b"J\xff\xff\xff\xff"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + 2 * minus_one + b"K\x00tb"
    state = b"(K\x01K\x01M\x00\x0c\x86" + kind
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + state + b"\x89T" + struct.pack("<I", len(pixels)) + pixels + b"tb"
    )  # fmt: skip
    content = b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x07eu."
    home = python10(tmp_path) / "cifar-10-batches-py"
    for name in TEN:
        (home / name).write_bytes(content)
    data = cifar10(tmp_path)
    assert data.test_labels.tolist() == [7]
    assert np.array_equal((data.test_images * 255).round().byte().numpy(), PIXELS[:1])


def test_cifar100_both_versions_give_fine_labels(tmp_path):
    binary(tmp_path / "cifar-100-binary", ["train.bin", "test.bin"], [[1, 70], [2, 99]])
    assert cifar100(tmp_path).train_labels.tolist() == [70, 99]
    home = tmp_path / "cifar-100-python"
    home.mkdir()
    for name in ("train", "test"):
        (home / name).write_bytes(pickle.dumps({b"coarse_labels": [1, 2], **batch("fine_labels", [70, 98])}))
    assert cifar100(home).test_labels.tolist() == [70, 98]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (batch("labels", [3, 10]), "the label 10; 0 to 9"),
        (batch("labels", [-1, 3]), "the label -1"),
        (batch("labels", [3]), "1 labels"),
        (batch("fine_labels", [3, 4]), "no dict with 'data' and 'labels'"),
        ({"data": PIXELS[:2].reshape(2, -1)[:, :-1], "labels": [1, 2]}, "(2, 3071)"),
        ({"data": PIXELS[:2].reshape(2, -1).astype(np.float32), "labels": [1, 2]}, "no array of bytes"),
        ({"data": [1, 2], "labels": [1, 2]}, "no array of bytes"),
        ({"data": PIXELS[:2].reshape(2, -1), "labels": ["a", "b"]}, "no list of integers"),
    ],
)
def test_cifar_python_that_does_not_fit_is_refused(tmp_path, content, says):
    refused(FileFormatError, says, cifar10, python10(tmp_path, content=content))


def test_cifar_that_is_missing_or_cut_is_refused(tmp_path):
    refused(MissingFileError, "cifar-10-batches-bin", cifar10, tmp_path)
    binary(tmp_path / "cifar-10-batches-bin", [f"{name}.bin" for name in TEN], [[4], [9]])
    file = tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    refused(FileFormatError, "has 6145 bytes; records of 3073", cifar10, tmp_path)
    file.unlink()
    refused(MissingFileError, "data_batch_3.bin", cifar10, tmp_path)


class Harmful:
    """Unpickled by pickle, it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


class HarmfulEval(Harmful):
    def __reduce__(self):
        return (eval, (f"open({str(self.path)!r}, 'w')",))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [Harmful, HarmfulEval])
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path, kind, protocol):
    trap = tmp_path / "made"
    content = {"data": PIXELS[:1].reshape(1, -1), "labels": [kind(trap)]}
    refused(FileFormatError, "is refused: it names", cifar10, python10(tmp_path, protocol, content))
    assert not trap.exists()


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value, value]
    return value


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04",
        b"cos\nsystem\n(S'true'\ntR.",
        RECONSTRUCT + b".",  # the stand-in itself
        RECONSTRUCT + b")R.",  # an array without content
        RECONSTRUCT + b"(NS'__defaults__'\nN}tb.",
        RECONSTRUCT + b"}S'__call__'\nNsb.",  # the state of a function
        DTYPE + b"(S'O8'\ntR.",
        DTYPE + b"(S'O8'\ntR(I3\nS'|'\ntb.",
        b"cnumpy\nndarray\n)\x81.",
        b"cnumpy\nload\n.",
        b"c__builtin__\neval\n.",
        b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.",
        b"Pid\n.",
        b"\x82\x01.",  # an extension code
        pickle.dumps({1, 2}),
        pickle.dumps(1j),
        pickle.dumps(np.array([None, 1], object)),
        pickle.dumps(np.array(["a"])),
        pickle.dumps(np.zeros(3, "c16")),
        pickle.dumps(np.float64(1)),
        pickle.dumps(PIXELS)[:-9],
    ],
)
def test_anything_but_arrays_and_plain_containers_is_refused(content):
    with pytest.raises(FileFormatError) as caught:
        read_plain(content, "file 'x'")
    assert str(caught.value).startswith("file 'x' is ")
    assert "\n" not in str(caught.value)


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(min_size=1),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=6,
    ),
    st.integers(0, 5),
)
def test_plain_values_come_back(value, protocol):
    assert read_plain(pickle.dumps(value, protocol), "x") == value


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["u1", "<i8", ">i8", "<i4", "<f4", ">f8"]), st.integers(0, 5), st.booleans())
def test_arrays_come_back(kind, protocol, fortran):
    values = np.array(RNG.integers(0, 100, (3, 4)), kind, order="F" if fortran else "C")
    found = read_plain(pickle.dumps([values], protocol), "x")[0]
    assert np.array_equal(found, values)
    assert found.dtype.isnative


def test_a_container_that_stands_in_many_places_is_read_once():
    found = read_plain(pickle.dumps(nested(60)), "x")
    assert found[0] is found[1]


# ImageNet's folders


def pictures(folder: Path) -> Path:
    for name, size in (("n02/b.JPEG", (40, 30)), ("n01/a.png", (30, 60)), ("n02/c.jpg", (300, 20))):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", size, (255, 0, 51)).save(folder / name)
    (folder / "n01" / "notes.txt").write_text("no picture")
    return folder


def test_pictures_by_class_scaled_cut_and_normed(tmp_path):
    found = ImageFolder(pictures(tmp_path), size=16, resize=20)
    assert found.classes == ["n01", "n02"]
    assert [label for _, label in found.files] == [0, 1, 1]
    picture, label = found[0]
    assert (picture.shape, label) == ((3, 16, 16), 0)
    assert torch.allclose(
        picture[:, 8, 8], (torch.tensor([1.0, 0, 0.2]) - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    )
    (first, labels), (second, _) = found.batches(2)
    assert (first.shape, labels.tolist(), len(second)) == ((2, 3, 16, 16), [0, 1], 1)


def test_the_middle_of_a_picture_is_cut_out(tmp_path):
    (tmp_path / "n").mkdir()
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    Image.fromarray(wide).save(tmp_path / "n" / "wide.png")
    picture, _ = ImageFolder(tmp_path, size=10, resize=10)[0]
    assert torch.allclose(picture, ((1 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)).view(3, 1, 1).expand(3, 10, 10))


def test_folders_without_pictures_and_broken_pictures_are_refused(tmp_path):
    refused(MissingFileError, "not there", ImageFolder, tmp_path / "none")
    refused(MissingFileError, "CLASS/PICTURE", ImageFolder, tmp_path)
    refused(ConfigError, "size is 300", ImageFolder, tmp_path, 300)
    whole = io.BytesIO()
    Image.fromarray(PIXELS[0].transpose(1, 2, 0)).save(whole, "PNG")
    for name, content in (("cut.png", whole.getvalue()[:1000]), ("text.jpg", b"text"), ("none.png", b"")):
        home = tmp_path / name.split(".")[0] / "n"
        home.mkdir(parents=True)
        (home / name).write_bytes(content)
        refused(FileFormatError, name, ImageFolder(home.parent).__getitem__, 0)


def test_a_picture_of_too_many_pixels_is_refused_unread(tmp_path):
    (tmp_path / "n").mkdir()
    header = struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    (tmp_path / "n" / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )
    refused(FileFormatError, "bomb.png", ImageFolder(tmp_path).__getitem__, 0)


# text


def test_brown_is_cut_into_blocks_and_rare_words_fall_to_zero():
    corpus = brown()
    parts = (corpus.train, corpus.valid, corpus.test)
    assert sum(map(len, parts)) == len(read_brown()) == 1_218_532
    assert all(abs(len(part) / 1_218_532 - share) < 0.001 for part, share in zip(parts, (0.9, 0.05, 0.05), strict=True))
    assert max(int(part.max()) for part in parts) == corpus.vocabulary - 1
    small = brown(100)
    assert torch.equal(small.test, torch.where(corpus.test < 100, corpus.test, 0))
    refused(ConfigError, "vocabulary is 10001", brown, 10_001)


def treebank(folder: Path, train: str = "the <unk> cat\nthe dog\n", test: str = "the bird\n") -> Path:
    for part, text in (("train", train), ("valid", "the cat\n"), ("test", test)):
        (folder / f"ptb.{part}.txt").write_text(text)
    return folder


def test_penn_treebank_numbers_words_by_frequency(tmp_path):
    corpus = penn_treebank(treebank(tmp_path))
    assert corpus.vocabulary == 5  # <eos>, the, <unk>, cat, dog
    assert corpus.train.tolist() == [1, 2, 3, 0, 1, 4, 0]
    assert corpus.test.tolist() == [1, 2, 0]


def test_penn_treebank_that_is_wrong_is_refused(tmp_path):
    refused(MissingFileError, "ptb.train.txt", penn_treebank, tmp_path)
    refused(FileFormatError, "'bird' is not in", penn_treebank, treebank(tmp_path, train="the cat\n"))
    refused(FileFormatError, "holds no words", penn_treebank, treebank(tmp_path, train="\n\n"))
    (tmp_path / "ptb.train.txt").write_bytes(b"\xff\xfe")
    refused(FileFormatError, "not UTF-8", penn_treebank, tmp_path)


def test_windows_of_running_text_follow_each_other():
    batches = TokenBatches(torch.arange(26), streams=2, steps=4)
    seen = list(batches)
    assert len(batches) == len(seen) == 3
    assert seen[0][0].tolist() == [[0, 1, 2, 3], [13, 14, 15, 16]]
    assert all(torch.equal(targets, ids + 1) for ids, targets in seen)
    refused(ConfigError, "26 words give no window", TokenBatches, torch.arange(26), 2, 13)


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 90), st.integers(1, 4), st.integers(1, 6), st.integers(0, 9))
def test_shifted_windows_stay_within_the_text(length, streams, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    batches = TokenBatches(torch.arange(length), streams, steps, generator)
    seen = list(batches)
    assert len(seen) == len(batches)
    for ids, targets in seen:
        assert ids.shape == targets.shape == (streams, steps)
        assert torch.equal(targets, ids + 1)


def reviews(folder: Path) -> Path:
    texts = {"train/neg/0_1.txt": "Bad, BAD film!", "train/pos/0_9.txt": "a good film", "test/neg/1_2.txt": "bad plot"}
    for name, text in {**texts, "test/pos/1_8.txt": "good " * 9}.items():
        (folder / "aclImdb" / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / "aclImdb" / name).write_text(text)
    return folder


def test_reviews_are_padded_in_front_and_cut_behind(tmp_path):
    found = imdb(reviews(tmp_path), vocabulary=5, length=4)
    assert found.train_ids.tolist() == [[0, 2, 2, 3], [0, 4, 1, 3]]  # by frequency: bad, film, a
    assert found.test_ids.tolist() == [[0, 0, 2, 1], [1, 1, 1, 1]]
    assert (found.train_labels.tolist(), found.test_labels.tolist()) == ([0, 1], [0, 1])
    assert torch.equal(imdb(tmp_path / "aclImdb", vocabulary=5, length=4).train_ids, found.train_ids)


def test_reviews_that_are_missing_are_named(tmp_path):
    refused(MissingFileError, "train/neg", imdb, tmp_path)
    reviews(tmp_path)
    (tmp_path / "aclImdb" / "test" / "pos" / "1_8.txt").unlink()
    refused(MissingFileError, "test/pos", imdb, tmp_path)
    refused(ConfigError, "vocabulary is 2", imdb, tmp_path, 2)
