"""Command lines and files that are wrong: one sentence, exit status 2, nothing written.

Each case gives the arguments, with ``{tmp}`` for the folder of malformed files, and a part of the sentence that only
the right reason produces.
"""

import io
import json
import os
import re
import socket
import zipfile

import numpy as np
import pytest

from scratchdae.cli import main
from scratchdae.datasets.reading import pictures
from scratchdae.training import checkpoint


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tmp(tmp_path_factory):
    """Make a folder of good and malformed files, of a run, and of runs whose checkpoints are damaged."""
    folder = tmp_path_factory.mktemp("malformed")
    rng = np.random.default_rng(0)
    good = rng.random((40, 16), dtype=np.float32)
    nan, inf = good.copy(), good.copy()
    nan[17, 3], inf[38, 0] = np.nan, np.inf
    vast = good.astype(np.float64)
    vast[0, 0] = 1e300
    objects = np.array([[1, "a"], [None, 2.0]], dtype=object)
    whole = npz(x=good)
    contents = {
        "good.npy": npy(good),
        "text.npy": b"1.0, 2.0, 3.0\n",
        "text.npz": b"1.0, 2.0, 3.0\n",
        "good.csv": b"1.0, 2.0, 3.0\n",
        "zero.npy": b"",
        "zero.npz": b"",
        "cut.npy": npy(good)[:-9],
        "header.npy": npy(good)[:40],
        "garbled.npy": npy(good).replace(b"'shape'", b"'sh(pe'"),
        "huge.npy": npy(good).replace(b"(40, 16)", b"(4000000000, 4000000000)"),
        "cut.npz": whole[: len(whole) // 2],
        "flipped.npz": whole[:300] + bytes(255 - byte for byte in whole[300:320]) + whole[320:],
        "objects.npy": npy(objects, allow_pickle=True),
        "objects.npz": npz(x=objects),
        "two.npz": npz(a=good, b=good),
        "none.npz": npz(),
        "text_inside.npz": npz(x=np.array(["a", "b"])),
        "nan.npy": npy(nan),
        "inf.npy": npy(inf),
        "empty.npy": npy(good[:0]),
        "no_columns.npy": npy(good[:, :0]),
        "scalar.npy": npy(good[0, 0]),
        "one_dimension.npy": npy(good[0]),
        "four_dimensions.npy": npy(good.reshape(5, 8, 2, 8)),
        "integers.npy": npy(rng.integers(0, 1000, (40, 16))),
        "complex.npy": npy(good.astype(complex)),
        "records.npy": npy(np.zeros((4, 4), dtype=[("a", "f4")])),
        "one.npy": npy(good[:1]),
        "grey.npy": npy(255 * good),
        "vast.npy": npy(vast),
        "vast_negative.npy": npy(-vast),
        "file": b"not a folder",
        "mnist/train-images-idx3-ubyte": b"\0\0\x08\x03 and so on",
        "mnist/train-labels-idx1-ubyte": b"",
        "mnist/t10k-images-idx3-ubyte": b"",
        "mnist/t10k-labels-idx1-ubyte": b"",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "folder.npy").mkdir()
    with zipfile.ZipFile(folder / "no_array.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing here")

    run = ["train", "--data", str(folder / "good.npy"), "--hidden", "3", "--epochs", "1", "--backend", "numpy"]
    assert main([*run, "--out", str(folder / "run")]) == 0
    saved = (folder / "run" / checkpoint.FILE).read_bytes()
    arrays, state = checkpoint.load(folder / "run")
    damaged = {"cut": saved[: len(saved) // 2], "zero": b"", "text": b"hello", "flipped": b"\xff" * 9 + saved[9:]}
    for name, content in damaged.items():
        (folder / f"run_{name}").mkdir()
        (folder / f"run_{name}" / checkpoint.FILE).write_bytes(content)
    lacking = {name: value for name, value in state.items() if name != "generators"}
    for name, kept, said in (
        ("stateless", arrays, lacking),
        ("weightless", {"b": arrays["b"]}, state),
        ("future", arrays, state | {"format": 99}),
    ):
        (folder / f"run_{name}").mkdir()
        checkpoint.save(folder / f"run_{name}" / checkpoint.FILE, kept, said)
    return folder


TRAIN = "train --hidden 3 --epochs 1 --backend numpy --out {tmp}/new"
GOOD = f"{TRAIN} --data {{tmp}}/good.npy"
REAL = f"{TRAIN} --loss squared_error --output linear"
RESUME = "train --data {tmp}/good.npy --hidden 3 --epochs 2 --backend numpy --resume --out"

CASES = [
    # the parser
    ("nonsense", "invalid choice: 'nonsense'"),
    ("train --nonsense", "unrecognized arguments: --nonsense"),
    ("train surplus", "unrecognized arguments: surplus"),
    ("train --epoch 3", "unrecognized arguments: --epoch 3"),
    ("train --epochs", "argument --epochs: expected one argument"),
    (f"{GOOD} --epochs two", "argument --epochs: must be an integer, found 'two'"),
    (f"{GOOD} --epochs 1.5", "argument --epochs: must be an integer, found '1.5'"),
    (f"{GOOD} --hidden many", "argument --hidden: must be an integer, found 'many'"),
    (f"{GOOD} --l2 heavy", "argument --l2: must be a number, found 'heavy'"),
    (f"{GOOD} --validation half", "argument --validation: must be a number, found 'half'"),
    (f"{GOOD} --loss hinge", "argument --loss: invalid choice: 'hinge'"),
    (f"{GOOD} --output tanh", "argument --output: invalid choice: 'tanh'"),
    (f"{GOOD} --reduction sum", "argument --reduction: invalid choice: 'sum'"),
    (f"{GOOD} --dtype float16", "argument --dtype: invalid choice: 'float16'"),
    (f"{GOOD} --backend cuda", "argument --backend: invalid choice: 'cuda'"),
    # values out of range
    (f"{GOOD} --epochs 0", "epochs must be an integer of at least 1, found 0"),
    (f"{GOOD} --epochs -3", "epochs must be an integer of at least 1, found -3"),
    (f"{GOOD} --hidden 0", "n_hidden must be an integer of at least 1, found 0"),
    (f"{GOOD} --hidden 1000000000000000000", "there is not enough memory|too big"),
    (f"{GOOD} --batch-size 0", "batch_size must be an integer of at least 1, found 0"),
    (f"{GOOD} --seed -1", "seed must be an integer of at least 0, found -1"),
    (f"{GOOD} --l2 -0.1", "l2 must be a finite number, at least 0, found -0.1"),
    (f"{GOOD} --l2 nan", "l2 must be a finite number, at least 0, found nan"),
    (f"{GOOD} --patience 0", "patience must be an integer of at least 1, found 0"),
    (f"{GOOD} --patience 2 --validation 0", "patience needs validation data"),
    (f"{GOOD} --corrupt-validation --validation 0", "corrupt_validation needs a corruption and validation data"),
    (f"{GOOD} --corrupt-validation --corruption none", "corrupt_validation needs a corruption and validation data"),
    (f"{GOOD} --limit 0", "limit must be an integer of at least 1, found 0"),
    (f"{GOOD} --limit 41", "limit must be at most 40, the training examples there are, found 41"),
    (f"{GOOD} --validation 1", "validation must leave at least one of 40 examples to train on"),
    (f"{GOOD} --validation 1.5", "validation must be a finite number, at least 0 and at most 1, found 1.5"),
    (f"{GOOD} --validation -0.5", "validation must be a finite number"),
    (f"{GOOD} --validation nan", "validation must be a finite number"),
    (f"{GOOD} --threads 0", "threads must be an integer of at least 1, found 0"),
    (f"{GOOD} --threads 1000000", r"threads must be at most \d+, the processors there are, found 1000000"),
    (f"{GOOD} --loss cross_entropy --output linear", "output must be 'sigmoid' for the cross-entropy"),
    # schedules and corruption
    (f"{GOOD} --lr 0", "lr must be a finite number, greater than 0, found 0.0"),
    (f"{GOOD} --lr -0.1", "lr must be a finite number, greater than 0, found -0.1"),
    (f"{GOOD} --lr nan", "lr must be a number, linear.*found 'nan'"),
    (f"{GOOD} --lr inf", "lr must be a number, linear.*found 'inf'"),
    (f"{GOOD} --lr fast", "lr must be a number, linear.*found 'fast'"),
    (f"{GOOD} --lr linear(0.1,0.01)", r"lr must be a number, linear.*found 'linear\(0.1,0.01\)'"),
    (f"{GOOD} --lr spiral(0.1,0.01,5)", "lr must be a number, linear.*found 'spiral"),
    (f"{GOOD} --lr geometric(0.1,0,5)", "lr must be a number, linear.*found 'geometric"),
    (f"{GOOD} --lr linear(-0.1,0.1,5)", "lr must be a finite number, at least 0, found -0.1"),
    (f"{GOOD} --corruption masking:1.5", "masking level must be a finite number, at least 0 and at most 1, found 1.5"),
    (f"{GOOD} --corruption masking:-0.1", "masking level must be a finite number"),
    (f"{GOOD} --corruption masking:nan", "corruption level must be a number, linear"),
    (f"{GOOD} --corruption masking:linear(0,2,5)", "masking level must be a finite number.*found 2.0"),
    (f"{GOOD} --corruption masking", "corruption must be KIND:LEVEL, for example masking:0.3, found 'masking'"),
    (f"{GOOD} --corruption masking:", "corruption level must be a number, linear"),
    (f"{GOOD} --corruption blur:0.1", "corruption must be one of 'masking'.*found 'blur'"),
    (f"{GOOD} --corruption gaussian:-1", "gaussian level must be a finite number, at least 0, found -1.0"),
    # data
    (f"{TRAIN} --data cifar", "cifar: no such file or directory"),
    (
        f"{TRAIN} --data {{tmp}}/good.csv",
        "found values from 1.0 to 3.0: use --scale standard --loss squared_error",
    ),
    (f"{TRAIN} --data {{tmp}}/missing.npy", "missing.npy: no such file or directory"),
    (f"{TRAIN} --data {{tmp}}/missing.npz", "missing.npz: no such file or directory"),
    (f"{TRAIN} --data {{tmp}}/folder.npy", "folder.npy must hold images .*, found none"),
    (f"{TRAIN} --data {{tmp}}/text.npy", r"text.npy must be an array .*, found a file that begins with b'1.0, 2'"),
    (f"{TRAIN} --data {{tmp}}/text.npz", r"text.npz must be an array .*, found a file that begins with b'1.0, 2'"),
    (f"{TRAIN} --data {{tmp}}/zero.npy", "zero.npy must be an array .* begins with b''"),
    (f"{TRAIN} --data {{tmp}}/zero.npz", "zero.npz must be an array .* begins with b''"),
    (f"{TRAIN} --data {{tmp}}/cut.npy", "cut.npy cannot be read: "),
    (f"{TRAIN} --data {{tmp}}/header.npy", "header.npy cannot be read: "),
    (f"{TRAIN} --data {{tmp}}/garbled.npy", "garbled.npy cannot be read: "),
    (f"{TRAIN} --data {{tmp}}/huge.npy", "huge.npy cannot be read: "),
    (f"{TRAIN} --data {{tmp}}/cut.npz", "cut.npz cannot be read: it is not a whole zip file"),
    (f"{TRAIN} --data {{tmp}}/flipped.npz", "flipped.npz cannot be read: "),
    (
        f"{TRAIN} --data {{tmp}}/objects.npy",
        "objects.npy cannot be read: .*[Pp]ickle|objects.npy cannot be read: .*Python",
    ),
    (f"{TRAIN} --data {{tmp}}/objects.npz", "objects.npz cannot be read: Object arrays cannot be loaded"),
    (f"{TRAIN} --data {{tmp}}/two.npz", "array named x or x_train, or only one array, found a, b"),
    (f"{TRAIN} --data {{tmp}}/none.npz", "none.npz cannot be read: "),
    (
        f"{TRAIN} --data {{tmp}}/no_array.npz",
        "no_array.npz cannot be read: it must hold an array named x or x_train, or only one array, found readme",
    ),
    (f"{TRAIN} --data {{tmp}}/text_inside.npz", r"found shape \(2,\)"),
    (f"{TRAIN} --data {{tmp}}/nan.npy", r"nan.npy must hold finite numbers, found nan at \[17, 3\]"),
    (f"{TRAIN} --data {{tmp}}/inf.npy", r"inf.npy must hold finite numbers, found inf at \[38, 0\]"),
    (f"{TRAIN} --data {{tmp}}/empty.npy", r"empty.npy.*(found shape \(0, 16\)|cannot mmap an empty)"),
    (f"{TRAIN} --data {{tmp}}/no_columns.npy", r"no_columns.npy.*(found shape \(40, 0\)|cannot mmap an empty)"),
    (f"{TRAIN} --data {{tmp}}/scalar.npy", r"found shape \(\)"),
    (f"{TRAIN} --data {{tmp}}/one_dimension.npy", r"found shape \(16,\)"),
    (f"{TRAIN} --data {{tmp}}/four_dimensions.npy", r"found shape \(5, 8, 2, 8\); --channels first or last says where"),
    (
        f"{TRAIN} --data {{tmp}}/integers.npy",
        "found int64 from .*: --scale N divides by N, --raw takes integers as they are",
    ),
    (f"{TRAIN} --data {{tmp}}/complex.npy", "must hold uint8 grey levels .* found dtype complex128"),
    (f"{TRAIN} --data {{tmp}}/records.npy", "must hold uint8 grey levels .* found dtype "),
    (f"{TRAIN} --data {{tmp}}/one.npy --validation 0.9", "validation must leave at least one of 1 examples"),
    (f"{TRAIN} --data {{tmp}}/grey.npy", r"needs data in \[0, 1\], .*: use --scale 255$"),
    (f"{REAL} --data {{tmp}}/vast.npy", r"float32 cannot hold the data, .* go from [\d.e-]+ to 1e\+300$"),
    (f"{REAL} --data {{tmp}}/vast_negative.npy", r"float32 cannot hold the data, .* go from -1e\+300 to -[\d.e-]+$"),
    (f"{TRAIN} --data mnist --root {{tmp}}/nowhere", "MNIST was not found .*nowhere lacks all four files"),
    (
        f"{TRAIN} --data mnist --root {{tmp}}/mnist",
        "train-images-idx3-ubyte: a header of 3 dimensions must have 16 bytes",
    ),
    (f"{GOOD} --root {{tmp}}", "--root is the folder of MNIST and goes with --data mnist"),
    # the folder of the run
    (f"{GOOD} --out {{tmp}}/file", "--out must be a folder, found the file .*file$"),
    (f"{GOOD} --out {{tmp}}/file/run", "--out must be a folder, found the file .*file$"),
    (f"{GOOD} --out {{tmp}}/run", "run holds a run already; resume it, or choose another folder"),
    (f"{RESUME} {{tmp}}/run --hidden 4", "model.n_hidden = 3 and cannot be resumed with 4"),
    (f"{RESUME} {{tmp}}/run --untied", "model.tied = True and cannot be resumed with False"),
    (f"{RESUME} {{tmp}}/run --seed 1", "training.seed = 0 and cannot be resumed with 1"),
    (f"{RESUME} {{tmp}}/run --limit 30", "data.train.*cannot be resumed"),
    (
        f"{RESUME} {{tmp}}/run --corruption none",
        "training.corruption = 'masking:0.3' and cannot be resumed with 'none'",
    ),
    (f"{RESUME} {{tmp}}/run_cut", "run_cut/checkpoint.safetensors is not a whole safetensors file"),
    (f"{RESUME} {{tmp}}/run_zero", "run_zero/checkpoint.safetensors is not a whole safetensors file"),
    (f"{RESUME} {{tmp}}/run_text", "run_text/checkpoint.safetensors is not a whole safetensors file"),
    (f"{RESUME} {{tmp}}/run_flipped", "run_flipped/checkpoint.safetensors is not a whole safetensors file"),
    (f"{RESUME} {{tmp}}/run_stateless", "run_stateless/checkpoint.safetensors lacks part of its state"),
    (f"{RESUME} {{tmp}}/run_weightless", "run_weightless/checkpoint.safetensors must hold parameters"),
    (f"{RESUME} {{tmp}}/run_future", "has checkpoint format 99, this version of scratchdae reads format 1"),
    # the other commands
    ("gradcheck --visible 0", "n_visible must be an integer of at least 1, found 0"),
    ("gradcheck --hidden -2", "n_hidden must be an integer of at least 1, found -2"),
    ("gradcheck --batch-size 0", "batch_size must be an integer of at least 1, found 0"),
    ("gradcheck --method exact", "argument --method: invalid choice: 'exact'"),
    ("gradcheck --output linear", "output must be 'sigmoid' for the cross-entropy, found 'linear'"),
    ("gradcheck --visible 3000 --hidden 3000 --batch-size 2", "must be at most 10000000, found 3000, 3000 and 2"),
    ("floors {tmp}/vast.npy", "vast.npy must hold numbers up to 1e.140, whose squares have sums, found 1e.300"),
    ("floors {tmp}/good.npy --sigma 1e308", r"--sigma must be .* at most 1e\+100, found 1e\+308"),
    ("floors {tmp}/good.npy --corruption gaussian:1e308", r"noises must be .* at most 1e\+100, found 1e\+308"),
    ("floors {tmp}/nan.npy --pool 2", "must hold finite numbers, found nan"),
    ("floors {tmp}/one.npy:x --pool 2", "one.npy holds one array without a name, found the name 'x'"),
    ("gradcheck --seed -1", "seed must be an integer of at least 0, found -1"),
    ("data draw", "the following arguments are required: N, --out"),
    ("data draw 5", "the following arguments are required: --out"),
    ("data draw five --out {tmp}/new.npz", "argument N: must be an integer, found 'five'"),
    ("data draw 0 --out {tmp}/new.npz", "n must be an integer of at least 1, found 0"),
    ("data draw -1 --out {tmp}/new.npz", "n must be an integer of at least 1, found -1"),
    ("data draw 5 --out {tmp}/new.csv", "--out must be a .npz or .npy file in a folder that exists, found .*new.csv"),
    ("data draw 5 --out {tmp}/nowhere/new.npz", "--out must be a .npz or .npy file in a folder that exists"),
    ("data draw 5 --out {tmp}/folder.npy", "--out must be a .npz or .npy file in a folder that exists"),
    ("data draw 5 --out {tmp}/new.npz --seed -1", "seed must be an integer of at least 0, found -1"),
    ("data fetch cifar", "argument name: invalid choice: 'cifar'"),
    ("data fetch mnist --root {tmp}/file", "--root must be a folder, found the file .*file$"),
    ("chapters run", "the following arguments are required: NAME|NUMBER|all"),
    ("chapters run 999", "chapter must be one of .*, or all, found '999'"),
    ("chapters run nonsense", "chapter must be one of .*, or all, found 'nonsense'"),
    ("info now", "unrecognized arguments: now"),
]


def snapshot(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(("line", "reason"), CASES, ids=[line for line, _ in CASES])
def test_one_sentence_and_nothing_written(line, reason, tmp, capsys):
    before = snapshot(tmp)
    assert main([part.format(tmp=tmp) for part in line.split()]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1, said
    command = re.match(r"(train|floors|gradcheck|info|data \w+|chapters \w+)?", line)[0]
    assert re.match(f"scratchdae( {command})?: error: ", said), said
    assert re.search(reason, said.strip()), said
    assert "Traceback" not in said
    assert "Errno" not in said
    assert snapshot(tmp) == before


def test_the_table_tells_its_cases_apart():
    assert len(CASES) == len({line for line, _ in CASES}) >= 60


def test_the_good_file_and_the_run_are_good(tmp, tmp_path, capsys):
    """The table proves nothing if its good parts are refused as well."""
    line = GOOD.replace("{tmp}/new", "{out}")
    assert main([part.format(tmp=tmp, out=tmp_path / "run") for part in line.split()]) == 0
    state = json.loads((tmp / "run" / "config.json").read_text())
    assert state == json.loads((tmp_path / "run" / "config.json").read_text())
    assert main([part.format(tmp=tmp) for part in f"{RESUME} {{tmp}}/run --epochs 1".split()]) == 0
    assert "nothing was left to train" in capsys.readouterr().out


@pytest.mark.parametrize("found", ["1_0", "１２", "٣", "½", "0x10"])
def test_only_digits_and_a_point_make_a_number(found, tmp, capsys):
    lines = [["--hidden", found], ["--l2", found], ["--lr", found], ["--lr", f"step(0.1,0.5,{found})"]]
    for line in lines:
        assert main([part.format(tmp=tmp) for part in GOOD.split()] + line) == 2
        assert found in capsys.readouterr().err
    for option in ("--codes", "--nu", "--pool"):
        assert main(["floors", str(tmp / "good.npy"), option, found]) == 2
    assert main(["chapters", "run", found]) == 2
    assert main(["reproduce", "sda", "--seeds", found]) == 2
    assert not (tmp / "new").exists()


@pytest.mark.parametrize("option", ["--hidden", "--data", "--lr", "--corruption", "--backend", "--nonsense"])
def test_what_was_found_is_echoed_in_80_characters(option, tmp, capsys):
    assert main([part.format(tmp=tmp) for part in GOOD.split()] + [option, "9" * 5000]) == 2
    said = capsys.readouterr().err
    assert "9" * 81 not in said
    assert "9" * 39 in said
    assert len(said) < 400


@pytest.mark.parametrize(
    "line",
    [
        "train --out @", "train --data @ --out {tmp}/new", "floors @", "floors :x", "data draw 2 --out @",
        "data list --root @", "data sheet rect --out @", "conform export @", "conform compare @",
        "data fetch mnist --root @", "reproduce sda --out @", "bench --out @", "train --out=--", "floors --codes=-- x",
    ],
)  # fmt: skip
def test_an_empty_path_is_not_the_working_directory(line, tmp, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([part.format(tmp=tmp).replace("@", "") for part in line.split()]) == 2
    assert re.search("must be (a path|a name or a path)|must have a value", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_the_root_of_problems_that_need_no_files_is_refused(tmp_path, capsys):
    sheet = ["data", "sheet", "rect", "convex", "--out", str(tmp_path / "sheet.png"), "--root", str(tmp_path)]
    assert main(sheet) == 2
    assert "--root must be left out with rect and convex: no files are needed" in capsys.readouterr().err


def test_a_home_that_there_is_not_is_a_path_that_there_is_not(capsys):
    assert main(["floors", "~nosuchuser/x.npy"]) == 2
    assert capsys.readouterr().err == "scratchdae floors: error: ~nosuchuser/x.npy: no such file or directory\n"
    assert main(["train", "--data", "mnist", "--root", "~nosuchuser"]) == 2
    assert "~nosuchuser lacks all four files" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["floors", "train"])
def test_what_never_ends_or_begins_is_no_data(where, tmp_path, capsys):
    pipe, listening = tmp_path / "pipe.npy", socket.socket(socket.AF_UNIX)
    os.mkfifo(pipe)
    with listening:
        monkey = tmp_path / "s.npy"
        listening.bind(str(monkey))
        for path in (pipe, monkey, "/dev/zero"):
            line = ["floors", str(path)] if where == "floors" else ["train", "--data", str(path), "--out", "new"]
            assert main(line) == 2
            assert "must be a file or a folder of images, found a pipe, a socket or a device" in capsys.readouterr().err


def test_the_walk_through_a_folder_of_images_is_bounded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "_MOST_OTHERS", 5)
    for i in range(6):
        (tmp_path / f"{i}.txt").touch()
    assert main(["floors", str(tmp_path)]) == 2
    assert "must be a folder of images, found 6 other files in it, and more" in capsys.readouterr().err
    monkeypatch.setattr(pictures, "_MOST_OTHERS", 6)
    assert main(["floors", str(tmp_path)]) == 2
    assert "must hold images" in capsys.readouterr().err


def test_what_would_not_fit_into_memory_is_not_drawn(tmp_path, capsys):
    assert main(["data", "draw", "2147483648", "--out", str(tmp_path / "x.npy")]) == 2
    assert "N must be at most 5000000, which take 4 GB of memory, found 2147483648" in capsys.readouterr().err


def test_a_warm_up_of_warm_ups_is_refused_however_many_there_are(tmp, capsys):
    line = [part.format(tmp=tmp) for part in GOOD.split()]
    assert main([*line, "--lr", "warmup(1," * 1500 + "0.1" + ")" * 1500]) == 2
    assert "a warm-up is followed by another schedule" in capsys.readouterr().err


def test_gaussian_noise_of_wide_examples_needs_no_masks(tmp_path, capsys):
    np.save(tmp_path / "wide.npy", np.random.default_rng(0).random((4, 2001)))
    line = ["floors", str(tmp_path / "wide.npy"), "--corruption"]
    assert main([*line, "gaussian:0.1"]) == 0
    said = capsys.readouterr().out
    assert "Gaussian noise of 0.1" in said
    assert "mask" not in said
    assert main([*line, "masking:0.1"]) == 2
    assert "masks needs at most 2000 components" in capsys.readouterr().err


def test_an_array_is_named_as_it_was_asked_for(tmp_path, capsys):
    np.savez(tmp_path / "two.npz", a=np.float64(3), b=np.ones((2, 2)))
    assert main(["floors", f"{tmp_path / 'two.npz'}:a"]) == 2
    assert re.search(r"two\.npz:a must hold examples .* found shape \(\)", capsys.readouterr().err)
    assert main(["floors", f"{tmp_path}:a"]) == 2
    assert "is a folder, whose images have no name, found the name 'a'" in capsys.readouterr().err
