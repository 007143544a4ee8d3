"""Files as people have them, small: a row each with how it is made, what must be read, and what is said about it.

A row's maker fills a folder and returns what a user types. What is expected is the shape of the examples, the least and
the largest number as they are learned from (grey levels as uint8), and a part of the line that says what was found; of
what must be refused, a part of the sentence.
"""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

RNG = np.random.default_rng(21)
GREY = RNG.integers(0, 256, (12, 8, 8), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255
COLOUR = RNG.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
COLOUR[0, 0, 0] = 0, 255, 128
FLOATS = RNG.random((12, 10))
FLOATS[0, :2] = 0, 1
REAL = RNG.normal(0, 3, (12, 10)).round(3)
LABELS = np.arange(12) % 4
IDX_TYPES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}
SCALED = "scaled from 0…255 to [0, 1] (--raw leaves it)"


class Row(NamedTuple):
    """A file."""

    make: Callable[[Path], object]
    shape: tuple[int, ...] | None = None  # None: refused
    low: float = 0
    high: float = 255
    said: str = ""
    options: Mapping[str, Any] = MappingProxyType({})
    dtype: str = ""  # of the examples; of grey levels uint8, else floating-point
    image: object = "any"  # the shape of an image, None for what is none


def idx(array, kind="u1"):
    head = bytes([0, 0, IDX_TYPES[kind], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(kind).tobytes()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def png(pixels, mode=None, kind="PNG", **options):
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


def csv(rows, header="", separator=",", form=str):
    lines = [separator.join(map(form, row)) for row in np.asarray(rows).tolist()]
    return "\n".join([header] * bool(header) + lines).encode() + b"\n"


def wav(samples, code=1, rate=8000, extra=b""):
    samples = samples if samples.ndim == 2 else samples[:, None]
    data = samples.tobytes()
    bits, channels = 8 * samples.itemsize, samples.shape[1]
    if samples.dtype == np.dtype("<i4") and code == 24:
        data, bits, code = samples.view(np.uint8).reshape(*samples.shape, 4)[:, :, :3].tobytes(), 24, 1
    form = struct.pack("<HHIIHH", code, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + extra + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def file(name, content, asked=""):
    """Make one file; what is asked for is it, or a name in it."""

    def make(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content() if callable(content) else content)
        return f"{folder / name}{asked}"

    return make


def files(asked="", **contents):
    """Make several; what is asked for is the folder, or one of them."""

    def make(folder):
        for name, content in contents.items():
            file(name, content)(folder)
        return str(folder / asked)

    return make


def pictures(pixels, name="{:02}.png", **options):
    return files(**{name.format(i): png(one, **options) for i, one in enumerate(pixels)})


# ------------------------------------------------------------------ what needs more than a line
def hdf5(**datasets):
    def make(folder):
        import h5py

        with h5py.File(folder / "a.h5", "w") as out:
            for name, (array, options) in datasets.items():
                out.create_dataset(name.replace("__", "/"), data=array, **options)
        return str(folder / "a.h5")

    return make


def named(make, name):
    return lambda folder: make(folder) + name


def matlab(compressed=False, **variables):
    def make(folder):
        import scipy.io

        scipy.io.savemat(folder / "a.mat", variables, do_compression=compressed)
        return str(folder / "a.mat")

    return make


def matlab_hdf5(**variables):
    """Write as MATLAB 7.3 does: a block of 512 bytes in front, axes turned around."""

    def make(folder):
        import h5py

        path = folder / "a.mat"
        with h5py.File(path, "w", userblock_size=512) as out:
            for name, array in variables.items():
                out.create_dataset(name, data=array.T)
        with path.open("r+b") as out:
            out.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
        return str(path)

    return make


def parquet(**columns):
    def make(folder):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table(columns), folder / "a.parquet")
        return str(folder / "a.parquet")

    return make


def sparse(form):
    def make(folder):
        import scipy.sparse

        matrix = scipy.sparse.csr_array(np.where(FLOATS > 0.7, FLOATS, 0)).asformat(form)
        scipy.sparse.save_npz(folder / "a.npz", matrix)
        return str(folder / "a.npz")

    return make


def with_links(folder):
    file("real/a/0.png", png(GREY[0]))(folder)
    file("real/a/1.png", png(GREY[1]))(folder)
    (folder / "here").mkdir()
    (folder / "here" / "linked").symlink_to(folder / "real" / "a")
    (folder / "here" / "loop").symlink_to(folder / "here")
    return str(folder / "here")


def exif(rows):
    """Store a picture of 8×6 on its side, as a telephone does."""
    image, tags = Image.fromarray(rows.T[:, ::-1].copy()), Image.Exif()
    tags[0x0112] = 8
    return png(image, exif=tags)


def animation(folder):
    frames = [Image.fromarray(one) for one in GREY[:5]]
    frames[0].save(folder / "a.tif", save_all=True, append_images=frames[1:])
    return str(folder / "a.tif")


def animation_in_a_folder(folder):
    animation(folder)
    return str(folder)


def alpha(opaque):
    pixels = np.dstack([COLOUR[0], np.full((8, 8), 255, np.uint8)])
    pixels[:4, :, 3] = opaque
    return png(pixels)


def palette(colours):
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 4)
    image.putpalette([level for colour in colours for level in colour])
    return png(image)


def like_mnist(folder, offset=0):
    for part, n in (("train", 12), ("t10k", 4)):
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(GREY[:n])))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS[:n] + offset)))
    return str(folder)


def like_mnist_without_labels(folder):
    like_mnist(folder)
    for part in ("train", "t10k"):
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(b"damaged, and not asked for")
    return str(folder)


FLAT = GREY.reshape(12, 64)
PIXELS = "label," + ",".join(f"pixel{i}" for i in range(64))
KAGGLE = csv(np.column_stack([LABELS, FLAT]), PIXELS)
NAMES = ",".join(f"c{i}" for i in range(10))
ENCODED = [{"bytes": png(one), "path": f"{i}.png"} for i, one in enumerate(GREY)]
TONE = np.sin(np.arange(2100) / 9)
R28 = {"shape": (8, 8)}
S, D, C = (12, 8, 8), (12, 64), (12, 8, 8, 3)
FRAMES = "8000 samples a second, frames of 512 samples, 512 from one to the next (--frame, --hop)"

ARRAYS = {
    "npy, uint8": Row(file("a.npy", npy(FLAT)), D, said=SCALED, image=(8, 8)),
    "npy, uint8 pictures": Row(file("a.npy", npy(GREY)), S, said="12×8×8, uint8, 0 to 255, scaled"),
    "npy, upper-case suffix": Row(file("A.NPY", npy(GREY)), S),
    "npy, no suffix": Row(file("array", npy(GREY)), S),
    "npy, under another suffix": Row(file("a.npz", npy(GREY)), S),
    "npy, float64": Row(file("a.npy", npy(FLOATS)), (12, 10), 0, 1, "float64, 0.0 to 1.0, not scaled", image=None),
    "npy, float32 rows of images": Row(file("a.npy", npy((FLAT / 255).astype("f4"))), D, 0, 1, image=(8, 8)),
    "npy, float16": Row(file("a.npy", npy(FLOATS.astype("f2"))), (12, 10), 0, 1, "float16", dtype="float32"),
    "npy, big-endian floats": Row(file("a.npy", npy(FLOATS.astype(">f4"))), (12, 10), 0, 1, ">f4", dtype="float32"),
    "npy, big-endian integers": Row(file("a.npy", npy(GREY.astype(">i4"))), S, said=">i4, 0 to 255, scaled"),
    "npy, long double": Row(file("a.npy", npy(FLOATS.astype("g"))), (12, 10), 0, 1, dtype="float64"),
    "npy, Fortran order": Row(file("a.npy", npy(np.asfortranarray(FLOATS))), (12, 10), 0, 1),
    "npy, int64 grey levels": Row(file("a.npy", npy(GREY.astype("i8"))), S, said=f"int64, 0 to 255, {SCALED}"),
    "npy, other integers": Row(
        file("a.npy", npy(LABELS.reshape(3, 4) * 300)), said="--scale N divides by N, --raw takes"
    ),
    "npy, other integers, raw": Row(
        file("a.npy", npy(LABELS.reshape(3, 4) * 300)), (3, 4), 0, 900, "not scaled", {"scale": "raw"}
    ),
    "npy, other integers, divided": Row(
        file("a.npy", npy(LABELS.reshape(3, 4) * 300)), (3, 4), 0, 1, "divided by 900", {"scale": 900}
    ),
    "npy, negative integers": Row(file("a.npy", npy(LABELS.reshape(3, 4) - 2)), said="int64 from -2 to 1"),
    "npy, bool": Row(file("a.npy", npy(FLOATS > 0.5)), (12, 10), 0, 1, "false and true taken as 0 and 1"),
    "npy, 0 and 1": Row(file("a.npy", npy((FLOATS > 0.5).astype("i4"))), (12, 10), 0, 1, "0 and 1 as they are"),
    "npy, uint16": Row(file("a.npy", npy(GREY.astype("u2") * 257)), S, 0, 1, "uint16, 0.0 to 1.0, divided by 65535"),
    "npy, uint16 of 12 bits": Row(
        file("a.npy", npy(GREY.astype("u2") * 16)), S, 0, 4080 / 4095, "divided by 4095", {"scale": 4095}
    ),
    "npy, channels last": Row(file("a.npy", npy(COLOUR)), C, image=(8, 8, 3)),
    "npy, channels first": Row(file("a.npy", npy(np.moveaxis(COLOUR, -1, 1))), C, said="channels first"),
    "npy, one channel": Row(file("a.npy", npy(GREY[..., None])), (*S, 1), image=(8, 8)),
    "npy, channels either": Row(file("a.npy", npy(COLOUR[:, :3])), said="--channels first or last says"),
    "npy, channels said": Row(file("a.npy", npy(COLOUR[:, :3])), (12, 3, 8, 3), options={"channels": "last"}),
    "npy, channels nowhere": Row(file("a.npy", npy(np.zeros((2, 5, 5, 7)))), said="found shape (2, 5, 5, 7)"),
    "npy, shape said": Row(file("a.npy", npy(GREY.reshape(12, 64))), D, options={"shape": (4, 16)}, image=(4, 16)),
    "npy, no image said": Row(file("a.npy", npy(FLAT)), D, options={"shape": (64,)}, image=None),
    "npy, wrong shape said": Row(
        file("a.npy", npy(FLAT)), options={"shape": (8, 9)}, said="shape must be of 64 numbers"
    ),
    "npy, 25 numbers": Row(file("a.npy", npy(RNG.random((9, 25)))), (9, 25), 0, 1, image=None),
    "npy, one row": Row(file("a.npy", npy(FLOATS[0])), said="found shape (10,)"),
    "npy, complex": Row(file("a.npy", npy(FLOATS + 1j)), said="found dtype complex128"),
    "npy, text": Row(file("a.npy", npy(np.array([["a", "b"]]))), said="found dtype <U1"),
    "npy, pickled": Row(file("a.npy", npy(np.array([[1, "a"]], object))), said="cannot be read"),
    "npz, x": Row(file("a.npz", npz(x=GREY, t=LABELS)), S),
    "npz, X": Row(file("a.npz", npz(X=GREY, y=LABELS)), S),
    "npz, train_images": Row(file("a.npz", npz(train_images=GREY, test_images=GREY[:3], val_images=GREY[:2])), S),
    "npz, arr_0": Row(file("a.npz", npz(arr_0=GREY)), S),
    "npz, any key beside labels": Row(file("a.npz", npz(samples=GREY, ids=LABELS)), S),
    "npz, Keras": Row(
        file("mnist.npz", npz(x_train=GREY, y_train=LABELS, x_test=GREY[:4], y_test=LABELS[:4])), S, said=SCALED
    ),
    "npz, several": Row(file("a.npz", npz(a=GREY, b=GREY)), said="found a, b; FILE:NAME chooses"),
    "npz, one of several": Row(file("a.npz", npz(a=GREY, b=COLOUR), ":b"), C),
    "npz, a name that is not there": Row(file("a.npz", npz(a=GREY), ":c"), said="named c, found a"),
    "npz, upper-case suffix": Row(file("A.NPZ", npz(x=GREY)), S),
    "npz, pickled": Row(file("a.npz", npz(x=np.array([[1, "a"]], object))), said="cannot be read"),
    "pickle": Row(file("a.pkl", pickle.dumps(GREY)), said="pickles are never loaded"),
    "pickle, CIFAR's": Row(file("data_batch_1", pickle.dumps({"data": GREY}, 2)), said="pickles are never loaded"),
    "pickle, PyTorch's": Row(file("a.pt", zipped(**{"a/data.pkl": b"", "a/data/0": b""})), said="never loaded"),
}
PACKED = {
    "npy.gz": Row(file("a.npy.gz", gzip.compress(npy(GREY))), S),
    "npy.bz2": Row(file("a.npy.bz2", bz2.compress(npy(GREY))), S),
    "npy.xz": Row(file("a.npy.xz", lzma.compress(npy(GREY))), S),
    "npy.zip": Row(file("a.zip", zipped(**{"a.npy": npy(GREY), "b.npy": npy(LABELS)})), S),
    "npz.gz": Row(file("a.npz.gz", gzip.compress(npz(x=GREY))), S),
    "csv.gz": Row(file("a.csv.gz", gzip.compress(KAGGLE)), D, image=(8, 8)),
    "csv.bz2": Row(file("a.csv.bz2", bz2.compress(KAGGLE)), D),
    "csv.xz": Row(file("A.CSV.XZ", lzma.compress(KAGGLE)), D),
    "csv.zip": Row(file("a.csv.zip", zipped(**{"a.csv": KAGGLE, "__MACOSX/._a.csv": b"?"})), D),
    "zip, several": Row(file("a.zip", zipped(**{"train.csv": KAGGLE, "test.csv": KAGGLE})), said="train.csv, test.csv"),
    "zip, one of several": Row(
        file("a.zip", zipped(**{"train.csv": KAGGLE, "test.csv": KAGGLE}), ":test.csv"), D, image=(8, 8)
    ),
    "zip, EMNIST": Row(
        file("gzip.zip", zipped(**{"gzip/e-images-idx3-ubyte.gz": gzip.compress(idx(GREY)), "b": b""}),
             ":gzip/e-images-idx3-ubyte.gz"), S,
    ),
    "zip, npz in it": Row(file("a.zip", zipped(**{"d/a.npz": npz(a=GREY, b=COLOUR), "r": b""}), ":d/a.npz:b"), C),
    "gz, cut": Row(file("a.npy.gz", gzip.compress(npy(GREY))[:-20]), said="must be a whole gzip file"),
    "xz, cut": Row(file("a.npy.xz", lzma.compress(npy(GREY))[:-40]), said="must be a whole xz file"),
    "bz2, cut": Row(file("a.npy.bz2", bz2.compress(npy(GREY))[:-40]), said="must be a whole bzip2 file"),
}  # fmt: skip
IDX = {
    "idx, bytes": Row(file("train-images-idx3-ubyte", idx(GREY)), S, said="uint8"),
    "idx.gz": Row(file("train-images-idx3-ubyte.gz", gzip.compress(idx(GREY))), S),
    "idx, int8": Row(file("a.idx", idx(LABELS.reshape(3, 4) - 2, "i1")), said="int8 from -2 to 1"),
    "idx, int16": Row(file("a.idx", idx(GREY, ">i2")), S, said=">i2, 0 to 255"),
    "idx, int32": Row(file("a.idx", idx(GREY, ">i4")), S),
    "idx, float32": Row(file("a.idx", idx(FLOATS, ">f4")), (12, 10), 0, 1, dtype="float32"),
    "idx, float64": Row(file("a.idx", idx(FLOATS, ">f8")), (12, 10), 0, 1, dtype="float64"),
    "idx, upper-case suffix": Row(file("A.IDX", idx(GREY)), S),
    "idx, labels": Row(file("train-labels-idx1-ubyte", idx(LABELS)), said="found shape (12,)"),
    "QMNIST's labels": Row(
        file("qmnist-train-labels-idx2-int.gz", gzip.compress(idx(np.tile(LABELS, (8, 1)).T * 999, ">i4"))), (12, 8),
        0, 2997, options={"scale": "raw"},
    ),
    "EMNIST": Row(
        files("e-train-images-idx3-ubyte", **{"e-train-images-idx3-ubyte": idx(GREY[:, :6]),
              "e-train-labels-idx1-ubyte": idx(LABELS + 23)}), (12, 8, 6),
        said="rows and columns exchanged", options={"transpose": True}, image=(8, 6),
    ),
    "Fashion-MNIST, a folder": Row(like_mnist, S, said=SCALED),
    "Fashion-MNIST, a file": Row(lambda f: like_mnist(f) + "/t10k-images-idx3-ubyte.gz", (4, 8, 8)),
    "KMNIST, labels damaged": Row(like_mnist_without_labels, S),
    "idx, cut": Row(file("a-idx3-ubyte", idx(GREY)[:-1]), said="must make 784 bytes, header included, found 783"),
}  # fmt: skip
TABLES = {
    "csv, no header": Row(file("a.csv", csv(REAL)), (12, 10), REAL.min(), REAL.max(), "not scaled", image=None),
    "csv, header": Row(file("a.csv", csv(REAL, NAMES)), (12, 10), REAL.min(), REAL.max(), image=None),
    "csv, Kaggle's digits": Row(file("train.csv", KAGGLE), D, said="column 0 (label) taken for labels", image=(8, 8)),
    "csv, Kaggle's test": Row(file("test.csv", csv(FLAT, PIXELS[6:])), D, image=(8, 8)),
    "csv, label by name": Row(
        file("a.csv", csv(REAL, NAMES)), (12, 9), said="column 4 (c4) taken for labels", options={"label": "c4"},
        low=np.delete(REAL, 4, 1).min(), high=np.delete(REAL, 4, 1).max(),
    ),
    "csv, label by number": Row(
        file("a.csv", csv(REAL)), (12, 9), options={"label": "0"}, low=REAL[:, 1:].min(), high=REAL[:, 1:].max()
    ),
    "csv, no label": Row(
        file("a.csv", csv(REAL, "label" + NAMES[2:])), (12, 10), REAL.min(), REAL.max(), options={"label": "none"}
    ),
    "csv, a label that is not there": Row(file("a.csv", csv(REAL, NAMES)), options={"label": "d"}, said="found 'd'"),
    "csv, text for a label": Row(
        file("iris.data", b"5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,2.5,virginica\n"), (3, 2), 2.5, 6.3, "column 2 taken"
    ),
    "csv, text in the middle": Row(
        file("a.csv", b"a,b,c\n1,x,2\n3,4,5\n"), said="line 2, column 1 (b) must be a number, found 'x'"
    ),
    "csv, a value missing": Row(
        file("a.csv", b"a,b\n1.5,2\n\n2.5,\n"), said="line 4, column 1 (b): a value is missing, found ''"
    ),
    "csv, nan": Row(file("a.csv", b"a,b\n1.5,2\n2.5,NaN\n"), said="column 1 (b): a value is missing, found 'NaN'"),
    "csv, infinite": Row(file("a.csv", b"1.5,2\n2.5,-inf\n"), said="line 2, column 1 must be finite, found -inf"),
    "csv, a short row": Row(file("a.csv", b"1.5,2\n2.5\n"), said="line 2 must have 2 columns, found 1"),
    "csv, semicolons and decimal commas": Row(file("a.csv", b"a;b\n1,5;2,25\n-3,5;4\n"), (2, 2), -3.5, 4),
    "csv, from pandas with its index": Row(
        file("a.csv", b",a,b\n0,1.5,2\n1,3.5,4\n2,0.5,4\n"), (3, 2), 0.5, 4, "counts the rows, left out"
    ),
    "csv, quoted, with a mark": Row(file("a.csv", b'\xef\xbb\xbf"a","b"\n"1.5","2"\n"3.5","4"\n'), (2, 2), 1.5, 4),
    "csv, UTF-16": Row(file("a.csv", "a,b\n1.5,2\n3.5,4\n".encode("utf-16")), (2, 2), 1.5, 4),
    "csv, Windows, comments": Row(file("a.csv", b"# made by hand\r\na,b\r\n1.5,2\r\n3.5,4\r\n"), (2, 2), 1.5, 4),
    "csv, a header that begins like a picture": Row(file("a.csv", b"BMI,age\n21.5,40\n30.25,51\n"), (2, 2), 21.5, 51),
    "csv, 25 columns": Row(file("a.csv", csv(RNG.random((9, 25)))), (9, 25), 0, 1, image=None),
    "csv, 25 columns of an image": Row(
        file("a.csv", csv(RNG.random((9, 25)))), (9, 25), 0, 1, options={"shape": (5, 5)}, image=(5, 5)
    ),
    "csv, counts": Row(file("a.csv", csv(LABELS.reshape(3, 4))), (3, 4), 0, 3, "not scaled"),
    "csv, empty": Row(file("a.csv", b""), said="found a file that begins with b''"),
    "csv, a header alone": Row(file("a.csv", b"a,b\n"), said="below a header"),
    "tsv": Row(file("a.tsv", csv(REAL, NAMES.replace(",", "\t"), "\t")), (12, 10), REAL.min(), REAL.max()),
    "txt, blanks": Row(file("a.txt", csv(REAL, separator="  ")), (12, 10), REAL.min(), REAL.max()),
    "txt, savetxt": Row(file("a.txt", csv(FLOATS, separator=" ", form="{:.18e}".format)), (12, 10), 0, 1),
    "amat": Row(
        file("a.amat", csv(np.column_stack([FLOATS, LABELS]), separator=" ")), (12, 10), 0, 1, "column 10 taken"
    ),
}  # fmt: skip
SCIENCE = {
    "parquet, numbers": Row(parquet(**{f"c{i}": REAL[:, i] for i in range(10)}), (12, 10), REAL.min(), REAL.max()),
    "parquet, numbers and labels": Row(
        parquet(a=REAL[:, 0], b=REAL[:, 1], label=LABELS), (12, 2), said="column label taken for labels",
        low=REAL[:, :2].min(), high=REAL[:, :2].max(),
    ),
    "parquet, pictures": Row(parquet(image=ENCODED, label=LABELS.tolist()), S, said="column image alone"),
    "parquet, lists": Row(parquet(v=FLOATS.tolist(), label=LABELS), (12, 10), 0, 1, "column v alone"),
    "parquet, a value missing": Row(parquet(a=[1.0, None], b=[1, 2]), said="row 1, column a: a value is missing"),
    "parquet, text": Row(parquet(a=[1.0, 2.0], b=["x", "y"]), said="column b must hold numbers, found string"),
    "matlab 5, pixels": Row(matlab(X=FLAT, y=LABELS), D),
    "matlab 5, compressed": Row(matlab(True, ff=FLOATS), (12, 10), 0, 1, "float64"),
    "matlab 5, SVHN": Row(matlab(X=np.moveaxis(COLOUR, 0, -1)), C, said="the examples came last"),
    "matlab 5, EMNIST": Row(
        named(matlab(dataset={"train": {"images": FLAT, "labels": LABELS}}), ":dataset.train.images"), D
    ),
    "matlab 5, several": Row(matlab(a=FLAT, b=FLAT), said="found a, b; FILE:NAME chooses"),
    "matlab 7.3": Row(matlab_hdf5(X=FLOATS), (12, 10), 0, 1),
    "matlab 7.3, pictures last": Row(matlab_hdf5(X=np.moveaxis(COLOUR, 0, -1)), C, said="the examples came last"),
    "hdf5, only one": Row(hdf5(data=(GREY, {})), S),
    "hdf5, packed": Row(hdf5(data=(GREY, {"compression": "gzip"})), S),
    "hdf5, in a group, with labels": Row(hdf5(train__x=(FLOATS, {}), train__y=(LABELS, {})), (12, 10), 0, 1),
    "hdf5, by name": Row(named(hdf5(a=(GREY, {}), g__b=(FLOATS, {})), ":g/b"), (12, 10), 0, 1),
    "hdf5, several": Row(hdf5(a=(GREY, {}), b=(FLOATS, {})), said="found a, b; FILE:NAME chooses"),
    "sparse, csr": Row(sparse("csr"), (12, 10), 0, 1, "sparse, "),
    "sparse, coo": Row(sparse("coo"), (12, 10), 0, 1, "sparse, "),
}  # fmt: skip
PICTURES = {
    "png, grey": Row(pictures(GREY), S, said="uint8"),
    "png, colour": Row(pictures(COLOUR), C, image=(8, 8, 3)),
    "png, upper-case suffix": Row(pictures(GREY, "{:02}.PNG"), S),
    "jpg": Row(pictures(GREY // 255 * 255, "{:02}.jpg", kind="JPEG"), S, low=None, high=None),
    "bmp": Row(pictures(GREY, "{:02}.bmp", kind="BMP"), S),
    "tif": Row(pictures(GREY, "{:02}.tif", kind="TIFF"), S),
    "gif": Row(pictures(GREY, "{:02}.gif", kind="GIF"), S),
    "webp": Row(pictures(COLOUR, "{:02}.webp", kind="WEBP", lossless=True), C),
    "pgm": Row(pictures(GREY, "{:02}.pgm", kind="PPM"), S),
    "png, grey stored in colour": Row(pictures(GREY, mode="RGB"), S, said="grey, though stored in colour"),
    "png, grey and grey in colour": Row(files(**{"a.png": png(GREY[0]), "b.png": png(GREY[1], "RGB")}), (2, 8, 8)),
    "png, grey in a palette": Row(pictures([Image.fromarray(one).convert("P") for one in GREY]), S),
    "png, colours in a palette": Row(
        files(**{"a.png": palette([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]])}), (1, 8, 8, 3)
    ),
    "png, 16 bits": Row(pictures(GREY.astype(np.uint16) * 257), S, 0, 1, "uint16, 0.0 to 1.0, divided by 65535"),
    "png, 1 bit": Row(pictures(GREY, mode="1"), S),
    "png, opaque alpha": Row(files(**{"a.png": alpha(255)}), (1, 8, 8, 3)),
    "png, transparent": Row(files(**{"a.png": alpha(0)}), said="transparent pixels: --alpha black or white"),
    "png, transparent on black": Row(files(**{"a.png": alpha(0)}), (1, 8, 8, 3), options={"alpha": "black"}, high=None),
    "png, transparent on white": Row(files(**{"a.png": alpha(0)}), (1, 8, 8, 3), options={"alpha": "white"}, low=None),
    "png, EXIF orientation": Row(files(**{"a.png": exif(GREY[0, :, :6])}), (1, 8, 6)),
    "png, hidden files": Row(files(**{"a.png": png(GREY[0]), "._a.png": b"?", ".b/c.png": b"?"}), (1, 8, 8)),
    "png, class folders": Row(files(**{f"{'ab'[i // 6]}/{i:02}.png": png(one) for i, one in enumerate(GREY)}), S),
    "png, one class": Row(
        files(**{f"cats/{i:02}.png": png(one) for i, one in enumerate(GREY)}), S, said="in one folder, cats"
    ),
    "png, linked folders": Row(with_links, (2, 8, 8), low=None, high=None),
    "png, mixed sizes": Row(
        files(**{"a.png": png(GREY[0]), "b.png": png(GREY[0, :6])}), said="b.png must be like a.png, 8×8"
    ),
    "tif, several frames": Row(animation, (5, 8, 8), said="5 frames of one file"),
    "tif, several frames in a folder": Row(animation_in_a_folder, said="found 5 frames"),
    "png, by itself": Row(file("a.png", png(GREY[0])), said="it is one picture, not examples"),
}
SOUNDS = {
    "wav, 16 bits": Row(file("a.wav", wav((32767 * TONE).astype("<i2"))), (4, 512), -1, 1, FRAMES),
    "wav, frames": Row(
        file("a.wav", wav((32767 * TONE).astype("<i2"))), (201, 100), -1, 1, options={"frame": 100, "hop": 10}
    ),
    "wav, 8 bits": Row(file("a.wav", wav((127 * TONE + 128).astype("u1"))), (4, 512), -1, 1),
    "wav, 24 bits": Row(file("a.wav", wav((8388607 * TONE).astype("<i4"), 24)), (4, 512), -1, 1),
    "wav, 32 bits": Row(file("a.wav", wav((2147483000 * TONE).astype("<i4"))), (4, 512), -1, 1),
    "wav, floats": Row(file("a.wav", wav(TONE.astype("<f4"), 3)), (4, 512), -1, 1),
    "wav, stereo": Row(
        file("A.WAV", wav(np.stack([TONE, TONE], 1).astype("<f4"), 3)), (4, 512), -1, 1, "of its 2 channels"
    ),
    "wav, other chunks": Row(
        file("a.wav", wav(TONE.astype("<f4"), 3, extra=b"LIST" + struct.pack("<I", 3) + b"abc\0")), (4, 512), -1, 1
    ),
    "wav, packed": Row(file("a.wav.gz", gzip.compress(wav(TONE.astype("<f4"), 3))), (4, 512), -1, 1),
    "wav, too short": Row(file("a.wav", wav(TONE[:99].astype("<f4"), 3)), said="found 99; --frame says how many"),
}
ODD = {
    "unknown": Row(file("a.bin", b"\x01\x02\x03\x04\x05\x06\x07"), said="found a file that begins with"),
    "empty": Row(file("a.npy", b""), said="found a file that begins with b''"),
    "an empty folder": Row(lambda folder: str(folder), said="must hold images"),
}
ROWS = ARRAYS | PACKED | IDX | TABLES | SCIENCE | PICTURES | SOUNDS | ODD
