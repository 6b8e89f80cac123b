import subprocess
import sys

import numpy as np
import pytest
import torch

from accelsim.errors import ConfigError
from workloads.datasets import Batches, CropFlip, Warp, digits, read_digits


def test_split_is_seeded_disjoint_and_whole():
    first, again, other = digits(3), digits(3), digits(4)
    assert torch.equal(first.train_images, again.train_images)
    assert torch.equal(first.test_labels, again.test_labels)
    assert not torch.equal(first.test_labels, other.test_labels)
    assert first.train_images.shape == (8000, 1, 28, 28)
    assert first.test_images.shape == (2000, 1, 28, 28)
    every = torch.cat([first.train_images, first.test_images]).mul(255).round().byte().flatten(1).numpy()
    stored = read_digits()[0].reshape(10_000, -1)
    assert sorted(map(bytes, every)) == sorted(map(bytes, stored))


def test_pixels_are_fractions_with_background_zero():
    images = digits(0, fast=True).train_images
    assert images.dtype == torch.float32
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    assert float((images == 0).float().mean()) > 0.5


def test_fast_is_a_part_of_the_same_split():
    fast, full = digits(5, fast=True), digits(5)
    assert len(fast.train_labels) + len(fast.test_labels) <= 4000
    assert torch.equal(fast.train_images, full.train_images[: len(fast.train_images)])
    assert torch.equal(fast.test_labels, full.test_labels[: len(fast.test_labels)])


def test_digits_are_read_without_torch():
    code = "import sys, workloads.datasets as d; d.read_digits(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_warp_of_nothing_changes_nothing():
    images = digits(0, fast=True).train_images[:4]
    same = Warp(0, 0, 0, 0)(images, torch.Generator().manual_seed(0))
    assert torch.allclose(same, images, atol=1e-5)


def test_shift_moves_the_picture_by_the_drawn_pixels():
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1
    shift = Warp(0, 0, 0, 0.5)
    moved = shift(image, torch.Generator().manual_seed(1))
    x, y = shift.matrices(1, torch.Generator().manual_seed(1))[0, :, 2] * 4.5
    rows, columns = np.mgrid[:9, :9]
    centre = [float((moved[0, 0].numpy() * at).sum() / moved.sum()) for at in (columns, rows)]
    assert centre == pytest.approx([4 - float(x), 4 - float(y)], abs=1e-3)


def test_elastic_displacements_are_smooth_and_as_large_as_asked():
    moves = Warp(elastic=0.1).displacements((500, 1, 28, 28), torch.Generator().manual_seed(2))
    assert moves.shape == (500, 28, 28, 2)
    assert 0.05 < float(moves.std()) < 0.1  # between the points, which have 0.1, they average
    assert float(moves.diff(dim=1).std()) < 0.5 * float(moves.std())  # of white noise: 1.4 times as large


def test_elastic_bends_a_line_that_an_affine_map_keeps_straight():
    lines = torch.zeros(20, 1, 28, 28)
    lines[:, :, :, 13:15] = 1

    def bend(warp):
        rows = warp(lines, torch.Generator().manual_seed(3))[:, 0, 4:24]
        centres = (rows * torch.arange(28.0)).sum(dim=2) / rows.sum(dim=2)
        return float(centres.diff(n=2, dim=1).abs().mean())

    assert bend(Warp(0, 0, 0, 0, 0.05)) > 5 * bend(Warp(5, 0.1, 0.1, 0.05))


def test_warp_keeps_range_and_is_seeded():
    images = digits(0, fast=True).train_images[:8]
    one, same, other = (Warp(elastic=0.1)(images, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert float(one.min()) >= 0
    assert float(one.max()) <= 1 + 1e-6


def test_warp_refuses_what_is_out_of_range():
    with pytest.raises(ConfigError, match=r"augmentation shift is 1\.5"):
        Warp(shift=1.5)


def test_batches_shuffle_by_generator_and_use_each_digit_once():
    images, labels = torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10)
    batches = Batches(images, labels, torch.Generator().manual_seed(0), size=5)
    first, second = (torch.cat([y for _, y in batches]).tolist() for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert len(batches) == 2


def test_a_crop_is_one_of_the_shifted_images_and_half_are_mirrored():
    """Each output is the image, or its mirror, moved by up to `crop` pixels with zeros from outside."""
    image = torch.arange(1.0, 26).view(1, 1, 5, 5)
    around = torch.nn.functional.pad(image, (2, 2, 2, 2))[0, 0]
    known = {}
    for top in range(5):
        for left in range(5):
            shifted = around[top : top + 5, left : left + 5]
            known[tuple(shifted.flatten().tolist())] = (top, left, False)
            known[tuple(shifted.flip(1).flatten().tolist())] = (top, left, True)
    images = CropFlip(2)(image.expand(400, 1, 5, 5), torch.Generator().manual_seed(0))
    drawn = [known[tuple(one.flatten().tolist())] for one in images]
    assert {(top, left) for top, left, _ in drawn} == {(top, left) for top in range(5) for left in range(5)}
    assert 150 < sum(mirrored for _, _, mirrored in drawn) < 250


def test_a_crop_without_a_flip_keeps_sides_and_channels_together():
    image = torch.rand(1, 3, 6, 6)
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(CropFlip(0, flip=False)(image, generator), image)
    with pytest.raises(ConfigError, match="crop is -1"):
        CropFlip(-1)
