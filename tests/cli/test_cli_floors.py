"""``scratchdae floors`` on files as people have them, and on files that are wrong."""

import argparse
import gzip
import io
import json
import re
import subprocess
import sys
import zipfile

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

from scratchdae import datasets, floors
from scratchdae.cli import example_files, main, reading_options

UINT8 = np.random.default_rng(3).integers(0, 256, (24, 4, 6), dtype=np.uint8)
FLOATS = np.random.default_rng(4).random((30, 5))


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def asked(capsys, *arguments):
    assert main(["floors", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def value(found, kind, loss="squared_error", level=None):
    rows = [f for f in found["floors"] if (f["kind"], f["loss"]) == (kind, loss) and level in (None, f["level"])]
    assert len(rows) == 1, rows
    return rows[0]["value"]


# Files of every kind


def write_npy(folder):
    np.save(folder / "x.npy", UINT8)
    return folder / "x.npy"


def write_npz(folder):
    np.savez(folder / "x.npz", x=UINT8, t=np.arange(24))
    return folder / "x.npz"


def write_named(folder):
    np.savez_compressed(folder / "two.npz", a=FLOATS, b=UINT8)
    return f"{folder / 'two.npz'}:b"


def write_idx(folder):
    (folder / "images-idx3-ubyte").write_bytes(idx(UINT8))
    return folder / "images-idx3-ubyte"


def write_gzip(folder):
    (folder / "images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(UINT8)))
    return folder / "images-idx3-ubyte.gz"


def write_pictures(folder):
    for i, image in enumerate(UINT8):
        (folder / "pictures" / str(i % 2)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "pictures" / str(i % 2) / f"{i:02}.png")
    (folder / "pictures" / "notes.txt").write_text("no image")
    return folder / "pictures"


@pytest.mark.parametrize("write", [write_npy, write_npz, write_named, write_idx, write_gzip, write_pictures])
def test_every_kind_of_file_gives_the_same_floors(write, tmp_path, capsys):
    found = asked(capsys, write(tmp_path))
    x = UINT8.reshape(24, -1) / 255
    assert found["examples"] == "24 images of 4×6"
    assert "uint8, scaled from 0…255 to [0, 1]" in found["data"]
    assert value(found, "constant") == pytest.approx(floors.constant(x), rel=1e-12)
    assert value(found, "entropy", "cross_entropy") == pytest.approx(floors.cross_entropy(x), rel=1e-12)
    assert value(found, "pooling", level=2) == pytest.approx(floors.average_pooling(UINT8 / 255, 2), rel=1e-12)
    np.testing.assert_allclose(found["codes"], floors.pca(x), rtol=1e-9, atol=1e-15)


def test_raw_keeps_grey_levels_and_says_so(tmp_path, capsys):
    found = asked(capsys, write_npy(tmp_path), "--raw", "--range", "-5", "100")
    x = UINT8.reshape(24, -1).astype(float)
    assert (found["low"], found["high"]) == (x.min(), x.max())
    assert "not scaled" in found["data"]
    assert value(found, "constant") == pytest.approx(floors.constant(x), rel=1e-12)
    assert [f["value"] for f in found["floors"] if f["kind"] == "range"] == pytest.approx(
        [floors.output_range(x, *limits) for limits in ((-5, 100), (0, 1), (-1, 1), (0, np.inf))]
    )
    assert found["left_out"] == [f"cross-entropy: it needs values in [0, 1], found {x.min()} to {x.max()}"]


def test_integers_need_raw(tmp_path, capsys):
    np.save(tmp_path / "counts.npy", np.arange(12).reshape(4, 3))
    assert main(["floors", str(tmp_path / "counts.npy")]) == 2
    assert "found int64 from 0 to 11: --scale N divides by N, --raw takes integers as they" in capsys.readouterr().err
    assert asked(capsys, tmp_path / "counts.npy", "--raw")["variance"] == pytest.approx(11.25)


@pytest.mark.parametrize(("shape", "said"), [((9, 3, 4, 6), "4×6×3"), ((9, 4, 6, 3), "4×6×3"), ((9, 4, 6, 1), "4×6")])
def test_channels_first_are_found_and_moved(shape, said, tmp_path, capsys, rng):
    x = rng.random(shape)
    np.save(tmp_path / "x.npy", x)
    found = asked(capsys, tmp_path / "x.npy")
    assert found["examples"] == f"9 images of {said}"
    assert ("channels first" in found["data"]) == (shape[1] == 3)
    if shape[1] == 3:
        x = np.moveaxis(x, 1, -1)
    by_channel = np.moveaxis(x, -1, 1).reshape(-1, 4, 6)
    assert value(found, "pooling", level=2) == pytest.approx(floors.average_pooling(by_channel, 2), rel=1e-12)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif"])
def test_pictures_of_several_formats(suffix, tmp_path, capsys):
    flat = [np.full((4, 4, 3), level, np.uint8) for level in (0, 80, 240)]
    for i, pixels in enumerate(flat):
        matplotlib.image.imsave(tmp_path / f"{i}{suffix.upper()}", pixels, format="png") if suffix == ".png" else (
            Image.fromarray(pixels).save(tmp_path / f"{i}{suffix}")
        )
    found = asked(capsys, tmp_path)
    assert found["examples"] == "3 images of 4×4"  # grey, though stored in colour
    assert found["variance"] == pytest.approx(np.var([0, 80, 240]) / 255**2, rel=0.02)


def test_corruption_names_the_one_noise_that_is_listed(tmp_path, capsys):
    np.save(tmp_path / "x.npy", FLOATS)
    S, mean = FLOATS.T @ FLOATS / 30, FLOATS.mean(axis=0)
    for text, kind, expected in (
        ("masking:0.4", "masking", floors.masking(S, 0.4, mean, exact_count=True)[0]),
        ("bernoulli:0.4", "masking", floors.masking(S, 0.4, mean)[0]),
        ("gaussian:0.4", "gaussian", floors.wiener(floors.eigenvalues(FLOATS), 0.4)),
    ):
        found = asked(capsys, tmp_path / "x.npy", "--corruption", text)
        assert value(found, kind) == pytest.approx(expected, rel=1e-12)
        assert {"masking", "gaussian"} & {f["kind"] for f in found["floors"]} == {kind}
    found = asked(capsys, tmp_path / "x.npy", "--nu", "0.1,0.2", "--sigma", "0.3", "--codes", "2,5")
    listed = [f["level"] for f in found["floors"] if f["kind"] in ("masking", "gaussian", "code")]
    assert listed == [2, 5, 0.3, 0.1, 0.2]


def test_many_examples_are_sampled_reproducibly_and_it_says_so(tmp_path, capsys, rng):
    np.save(tmp_path / "x.npy", rng.random((500, 3)))
    first, again = (asked(capsys, tmp_path / "x.npy", "--sample", 50) for _ in range(2))
    other = asked(capsys, tmp_path / "x.npy", "--sample", 50, "--seed", 1)
    assert first["examples"] == "50 of 500, drawn at random, examples of 3 numbers"
    assert first == again
    assert first["variance"] != other["variance"]
    assert first["variance"] == pytest.approx(1 / 12, rel=0.3)


def test_large_examples_are_fewer_unasked(monkeypatch, tmp_path, rng):
    monkeypatch.setattr(example_files, "_NUMBERS", 60)
    np.save(tmp_path / "x.npy", rng.random((40, 6)))
    options = argparse.ArgumentParser()
    reading_options.add(options)
    for most, rows in ((None, 10), (25, 25)):
        assert example_files.read(str(tmp_path / "x.npy"), most, rng, options.parse_args([])).x.shape == (rows, 6)


def test_the_table_says_what_to_expect(tmp_path, capsys, rng):
    np.save(tmp_path / "x.npy", datasets.uniform(2000, 10, rng))
    assert main(["floors", str(tmp_path / "x.npy")]) == 0
    said = capsys.readouterr().out
    assert "2000 examples of 10 numbers" in said
    assert re.search(r"best constant, the mean +0\.083\d+ +0\.83\d+ +100 %", said)
    assert re.search(r"entropy of the targets +0\.(49|50)\d+ .*% +any model$", said, re.MULTILINE)
    assert re.search(r"linear code of 1 unit +.*% +linear codes$", said, re.MULTILINE)
    assert "linear codes find hardly anything to compress" in said
    mixed, _ = datasets.redundant_columns(2000, 10, 2, rng)
    np.save(tmp_path / "mixed.npy", mixed)
    assert main(["floors", str(tmp_path / "mixed.npy")]) == 0
    assert "hardly anything to compress" not in capsys.readouterr().out


def test_few_examples_are_said_to_be_few(tmp_path, capsys, rng):
    np.save(tmp_path / "x.npy", rng.random((20, 10)))
    assert main(["floors", str(tmp_path / "x.npy")]) == 0
    assert "20 examples of 10 numbers are few" in capsys.readouterr().out


def test_constant_data_have_nothing_to_learn_and_still_a_figure(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.full((5, 4), 0.5))
    assert main(["floors", str(tmp_path / "x.npy"), "--plot", str(tmp_path / "x.png")]) == 0
    assert "there is nothing to learn" in capsys.readouterr().out
    assert (tmp_path / "x.png").stat().st_size > 10_000


def test_help_loads_neither_matplotlib_nor_pillow():
    code = "import sys; from scratchdae.cli import main\ntry: main(['floors', '--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('matplotlib', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "(loss - floor) / (constant - floor)" in done.stdout


# Files and options that are wrong


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tmp(tmp_path_factory):
    """Make a folder of good and malformed files."""
    folder = tmp_path_factory.mktemp("malformed")
    nan, inf = FLOATS.copy(), FLOATS.copy()
    nan[3, 1], inf[29, 4] = np.nan, -np.inf
    objects = np.array([[1, "a"], [None, 2.0]], dtype=object)
    contents = {
        "good.npy": npy(FLOATS),
        "zero.npy": b"",
        "text.npy": b"1.0, 2.0\n",
        "cut.npy": npy(FLOATS)[:-9],
        "objects.npy": npy(objects, allow_pickle=True),
        "nan.npy": npy(nan),
        "inf.npy": npy(inf),
        "empty.npy": npy(FLOATS[:0]),
        "flat.npy": npy(FLOATS[0]),
        "five.npy": npy(FLOATS.reshape(1, 2, 3, 5, 5)),
        "complex.npy": npy(FLOATS + 1j),
        "strings.npy": npy(np.array([["a", "b"]])),
        "cut.idx": idx(UINT8)[:-1],
        "cut.gz": gzip.compress(idx(UINT8))[:-9],
        "labels.idx": idx(UINT8[:, 0, 0]),
        "damaged/a.png": b"no image at all",
        "wide/a.png": None,
        "none/readme.txt": b"no images here",
        "file": b"not a folder",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
    (folder / "void").mkdir()
    np.savez(folder / "two.npz", a=FLOATS, b=FLOATS)
    np.savez(folder / "objects.npz", x=objects)
    whole = (folder / "two.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(folder / "no_array.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    for name, pixels in (("wide/a.png", UINT8[0]), ("wide/b.png", UINT8[0].T.copy())):
        Image.fromarray(pixels).save(folder / name)
    for name, pixels in (("mixed/a.png", UINT8[0]), ("mixed/b.png", np.arange(72, dtype=np.uint8).reshape(4, 6, 3))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
    (folder / "deep").mkdir()
    Image.fromarray(np.zeros((4, 4), np.float32)).save(folder / "deep/a.tif")
    Image.fromarray(UINT8[0]).save(folder / "cut.png")
    (folder / "short").mkdir()
    Image.fromarray(np.tile(UINT8[0], (20, 20))).save(folder / "short/a.png")
    picture = (folder / "short/a.png").read_bytes()
    (folder / "short/a.png").write_bytes(picture[: len(picture) // 2])
    return folder


GOOD = "{tmp}/good.npy"
CASES = [
    ("", "the following arguments are required: FILE"),
    (f"{GOOD} --codes 0", "codes must be an integer of at least 1, found 0"),
    (f"{GOOD} --codes 6", "codes must be at most D = 5, found 6"),
    (f"{GOOD} --codes two", "--codes must be integers with commas between, found 'two'"),
    (f"{GOOD} --codes 1.5", "--codes must be integers with commas between, found '1.5'"),
    (f"{GOOD} --nu 1.5", "--nu must be a finite number, at least 0 and at most 1, found 1.5"),
    (f"{GOOD} --nu much", "--nu must be numbers with commas between, found 'much'"),
    (f"{GOOD} --sigma nan", "--sigma must be a finite number, at least 0 and at most 1e.100, found nan"),
    (f"{GOOD} --range 1 0", "low must be at most high, found low = 1, high = 0"),
    (f"{GOOD} --range 1", "argument --range: expected 2 arguments"),
    (f"{GOOD} --pool 2", "--pool needs examples that are images"),
    (f"{GOOD} --sample 0", "sample must be an integer of at least 1, found 0"),
    (f"{GOOD} --seed -1", "seed must be an integer of at least 0, found -1"),
    (f"{GOOD} --corruption none", "--corruption must be masking, bernoulli or gaussian, found 'none'"),
    (f"{GOOD} --corruption salt_and_pepper:0.1", "--corruption must be masking, bernoulli or gaussian"),
    (f"{GOOD} --corruption blur:0.1", "corruption must be one of 'masking'"),
    (f"{GOOD} --corruption masking:linear(0,0.5,10)", "--corruption must have one level, found the schedule"),
    (f"{GOOD} --corruption masking:0.1 --nu 0.2", "--corruption names the one noise to list, found --nu or --sigma"),
    (f"{GOOD} --plot {{tmp}}/x.jpg", "--plot must be a .png or .PNG file in a folder that exists"),
    (f"{GOOD} --plot {{tmp}}/nowhere/x.png", "--plot must be a .png or .PNG file in a folder that exists"),
    ("{tmp}/missing.npy", "missing.npy: no such file or directory"),
    ("{tmp}/missing.npz:x", "missing.npz: no such file or directory"),
    ("{tmp}/good.npy:x", "good.npy holds one array without a name, found the name 'x' asked for"),
    ("{tmp}/zero.npy", "zero.npy must be an array .*, or a folder of images, found a file that begins with b''"),
    ("{tmp}/text.npy", "text.npy must be an array .*, found a file that begins with b'1.0, 2'"),
    ("{tmp}/cut.png", "cut.png cannot be read: it is one picture, not examples: give the folder"),
    ("{tmp}/cut.npy", "cut.npy cannot be read: "),
    ("{tmp}/cut.npz", "cut.npz cannot be read: it is not a whole zip file"),
    ("{tmp}/objects.npy", "objects.npy cannot be read: .*([Pp]ickle|Python)"),
    ("{tmp}/objects.npz", "objects.npz cannot be read: Object arrays cannot be loaded"),
    ("{tmp}/two.npz", "two.npz cannot be read: .* x or x_train, or only one array, found a, b; FILE:NAME chooses"),
    ("{tmp}/two.npz:c", "two.npz cannot be read: it must hold an array named c, found a, b"),
    ("{tmp}/no_array.npz", "no_array.npz cannot be read: .* found readme.txt"),
    ("{tmp}/nan.npy", r"nan.npy must hold finite numbers, found nan at \[3, 1\], counted from 0 \(1 of 150 are not\)"),
    (
        "{tmp}/inf.npy",
        r"inf.npy must hold finite numbers, found -inf at \[29, 4\], .* \(1 of 150 are not\)",
    ),
    ("{tmp}/empty.npy", r"empty.npy must hold examples .* at least one, found shape \(0, 5\)"),
    ("{tmp}/flat.npy", r"flat.npy must hold examples .*, found shape \(5,\)"),
    ("{tmp}/five.npy", r"five.npy must hold examples .*, found shape \(1, 2, 3, 5, 5\)"),
    ("{tmp}/labels.idx", r"labels.idx must hold examples .*, found shape \(24,\)"),
    ("{tmp}/complex.npy", "complex.npy must hold uint8 grey levels .* numbers, found dtype complex128$"),
    (
        "{tmp}/complex.npy --raw",
        "complex.npy must hold uint8 grey levels .* or floating-point numbers, found dtype complex128$",
    ),
    ("{tmp}/strings.npy --raw", "strings.npy must hold .*, found dtype <U1$"),
    ("{tmp}/cut.idx", "cut.idx: shape .* must make"),
    ("{tmp}/cut.gz", "cut.gz: must be a whole gzip file"),
    ("{tmp}/none", r"none must hold images \(.png, .*\), found none"),
    ("{tmp}/void", "void must hold images"),
    ("{tmp}/wide", "b.png must be like a.png, 6×4 in grey, found 4×6 in grey"),
    ("{tmp}/mixed", "b.png must be like a.png, 6×4 in grey, found 6×4 in colour"),
    ("{tmp}/damaged", "a.png cannot be read as an image: cannot identify image file"),
    ("{tmp}/short", "a.png cannot be read as an image: "),
    ("{tmp}/deep", "a.tif cannot be read as an image: its pixels must have 8 or 16 bits a channel, found mode F"),
]


@pytest.mark.parametrize(("line", "what"), CASES)
def test_what_is_wrong_is_said_in_a_sentence(line, what, tmp, capsys):
    before = sorted(tmp.rglob("*"))
    assert main(["floors", *(part.format(tmp=tmp) for part in line.split())]) == 2
    said = capsys.readouterr()
    assert re.search(what, said.err.strip()), said.err
    assert said.err.startswith("scratchdae floors: error: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(tmp.rglob("*")) == before
