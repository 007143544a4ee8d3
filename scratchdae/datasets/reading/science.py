"""What MATLAB, HDF5 and SciPy write, by the libraries made for them."""

import importlib.util
from typing import Any, BinaryIO

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.reading.arrays import NAMES, chosen
from scratchdae.datasets.reading.containers import Content
from scratchdae.datasets.reading.options import Found, Options

HDF5, MATLAB, MATLAB_HDF5 = b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0", b"MATLAB 7.3"
_DEFLATED = 1032  # bytes that a filter of HDF5 can make of one, about
_SPARE = 2**24
_DENSE = 2**34  # bytes of a sparse matrix with its zeros


def needs(package: str, what: str) -> None:
    """Refuse to go on without a package that reads `what`, and say where it comes from."""
    if importlib.util.find_spec(package) is None:
        raise ValueError(f'{what} is read by {package}, which is not installed: pip install "scratchdae[files]"')


def matlab(content: Content, _: Options) -> Found:
    """Read an array of a .mat file of version 5 to 7; a field of a struct is called STRUCT.FIELD."""
    needs("scipy", "a MATLAB file")
    import scipy.io

    file = content.seekable()
    top = {name for name, _, _ in scipy.io.whosmat(file)}
    asked = content.name.partition(".")[0]
    file.seek(0)
    everything = scipy.io.loadmat(file, simplify_cells=True, variable_names=[asked] if asked in top else None)
    file.close()
    leaves: dict[str, Array] = {}
    _leaves("", {name: value for name, value in everything.items() if not name.startswith("__")}, leaves)
    name = chosen("array", content.name, {one: array.shape for one, array in leaves.items()}, leaves or sorted(top))
    return Found(leaves[name], matlab=True)


def _leaves(prefix: str, value: Any, found: dict[str, Array]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _leaves(f"{prefix}.{name}" if prefix else name, inner, found)
    elif hasattr(value, "toarray"):
        found[prefix] = _dense(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        found[prefix] = value


def hdf5(content: Content, _: Options) -> Found:
    """Read a dataset; one that is neither packed nor in pieces is mapped. MATLAB 7.3 turns the axes around."""
    needs("h5py", "an HDF5 file")
    import h5py

    theirs = content.magic.startswith(b"MATLAB")
    with h5py.File(content.path if content.plain else content.seekable(), "r") as file:
        there: dict[str, Any] = {}
        file.visititems(lambda name, one: there.__setitem__(name, one) if isinstance(one, h5py.Dataset) else None)
        plain = {name: one for name, one in there.items() if one.dtype.kind in "biuf" and not name.startswith("#")}
        wanted = content.name.strip("/")
        wanted = wanted.replace(".", "/") if theirs and wanted not in plain else wanted
        if not wanted:
            last = {name.rpartition("/")[2]: name for name in plain}
            wanted = next((last[name] for name in NAMES if name in last), "")
        name = chosen("dataset", wanted, {one: data.shape for one, data in plain.items()}, there)
        data = plain[name]
        offset = data.id.get_offset()
        stored = data.id.get_storage_size()
        if data.size * data.dtype.itemsize > _DEFLATED * stored + _SPARE:
            raise ValueError(f"dataset {name} must be stored, found {stored} bytes of shape {data.shape}")
        if content.plain and offset is not None and data.size:
            x: Array = np.memmap(content.path, data.dtype, "r", offset, data.shape)
        else:
            x = np.asarray(data[()])
    return Found(x.T if theirs else x, matlab=theirs)


def sparse(file: BinaryIO) -> Found:
    """Read a sparse matrix as `scipy.sparse.save_npz` writes it, with its zeros."""
    needs("scipy", "a sparse matrix")
    import scipy.sparse

    file.seek(0)
    matrix = scipy.sparse.load_npz(file)
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # that no index lies outside, where compiled code would write
    return Found(_dense(matrix), notes=[f"sparse, {matrix.nnz} numbers stored"])


def _dense(matrix: Any) -> Array:
    size = int(matrix.shape[0]) * int(matrix.shape[1]) * matrix.dtype.itemsize
    if size > _DENSE:
        raise ValueError(f"a sparse matrix must take at most {_DENSE} bytes with its zeros, found {size}")
    return np.asarray(matrix.toarray())
