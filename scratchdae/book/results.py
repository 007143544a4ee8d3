"""Tables of the results, from the files of numbers that the commands left."""

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from scratchdae.reproduce.published import TABLE

_METHODS = {"sda": "SdA-3", "saa": "SAA-3", "mlp": "MLP-3", "svm": "SVM rbf", "dbn": "DBN-3"}
_BENCHES = (  # file, heading, and what a row is told apart by
    ("bench_fit", "`fit`, from bytes to weights, by SGD"),
    ("bench_fit_adam", "`fit` by Adam"),
    ("bench_fit_finetune", "Fine-tuning with labels, through `fit`"),
    ("bench_fit_convolutional", "A convolutional network, through `fit`"),
    ("bench_fit_lstm", "A sequence network, through `fit`"),
    ("bench", "The bare step, 784-H"),
    ("bench_hidden", "The bare step, dense inputs"),
    ("bench_finetune", "The bare step, with labels"),
    ("bench_float64", "The bare step, in double precision"),
)
_FIRST_NOTE = "## What it learns on MNIST"
_MISSING = "The numbers are in a checkout of the project, and not beside this package."


def parts(folder: Path | None, figures: Collection[str]) -> dict[str, str]:
    """Return the tables of the results, by the name of the place; where there are no numbers, a sentence."""

    def made(table: Any, *names: str) -> str:
        files = [folder / f"{name}.json" for name in names] if folder else []
        if not files or not all(file.is_file() for file in files):
            return _MISSING
        text: str = table(*(json.loads(file.read_text(encoding="utf-8")) for file in files))
        return text

    speed = [f"### {heading}\n\n{made(_speed, name)}" for name, heading in _BENCHES]
    return {
        "paper_table": made(_paper, "reproduce_larochelle"),
        "tutorial": made(_tutorial, "reproduce_sda"),
        "doctor": made(_doctor, "doctor"),
        "speed": "\n\n".join(speed) if folder else _MISSING,
        "paper_figure": _figure("reproduce_larochelle", "SdA-3 beside the other methods on eight problems", figures),
        "tutorial_figure": _figure("reproduce_sda", "Test errors of the tutorial's network by seed", figures),
        "doctor_figure": _figure("doctor", "What the doctor and others named and healed", figures),
        "speed_figure": _figure("bench_fit", "Images a second through fit, beside its peers", figures),
        "filters_figure": _figure(
            "readme_mnist_filters", "A hundred filters learned on MNIST: dots, edges, pieces of strokes", figures
        ),
        "restored_figure": _figure(
            "readme_mnist_reconstructions",
            "Destroyed digits, and what the network makes of them",
            figures,
        ),
        "notes": _notes(folder),
        "frameworks": _text(folder, "findings.md"),
        "what_figure": _figure(
            "00_what_it_is",
            "A digit becomes 32 numbers and a digit again; a network trained with blots fills them, one trained "
            "without does not",
            figures,
        ),
    }


def gallery(folder: Path | None) -> dict[str, str]:
    """Read from the README of the figures what each of them shows."""
    if folder is None or not (folder / "README.md").is_file():
        return {}
    text = (folder / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r'^\| \[<img src="(\w+\.png)"[^|]*\| (.*?) \|', text, re.M))


def _notes(folder: Path | None) -> str:
    """Return what the README of the figures says of the results in full, with the book's links."""
    above, heading, text = _text(folder, "README.md").partition(_FIRST_NOTE)
    text = re.sub(r"\]\(\.\./chapters/(\d\d_\w+)\.py\)", r"](chapters/\1.ipynb)", (heading or above) + text)
    text = re.sub(r"\]\(\.\./chapters/README\.md[^)]*\)", "](glossary.md)", text)
    text = text.replace("](findings.md)", "](frameworks.md)")
    text = re.sub(r"(?<!!)\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", text)  # what else lies outside is not in the book

    def local(found: re.Match[str]) -> str:
        there = folder is not None and (folder / found[2]).is_file()
        return f"[{found[1]}](figures/{found[2]})" if there else found[0] if found[2].endswith(".md") else found[1]

    return re.sub(r"(?<!!)\[([^\]]*)\]\((\w+\.\w+)\)", local, text)


def _text(folder: Path | None, name: str) -> str:
    """Return a page that stands beside the figures."""
    if folder is None or not (folder / name).is_file():
        return _MISSING
    return (folder / name).read_text(encoding="utf-8")


def _figure(name: str, alt: str, figures: Collection[str]) -> str:
    return f"![{alt}](figures/{name}.png)" if f"{name}.png" in figures else ""


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay rows out as Markdown; all columns but the first are numbers, and stand to the right."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _origin(content: dict[str, Any]) -> str:
    """Say how numbers were made."""
    machine, versions = content["machine"], content.get("versions", {})
    said = ", ".join(f"{name} {versions[name]}" for name in ("numpy", "numba", "torch", "jax") if name in versions)
    threads = f"{content['threads']} thread{'s' if content['threads'] > 1 else ''}"
    return f"`{content['command']}`, {threads} of {machine['processor']}; {said}."


def _paper(content: dict[str, Any]) -> str:
    methods = [name for name in _METHODS if any(name in row for row in content["problems"].values())]
    rows = []
    for problem, row in content["problems"].items():
        errors = {name: row[name]["test_error"] for name in methods if name in row}
        cells = [problem]
        for name in methods:
            if name not in errors:
                cells.append("")
                continue
            error, examples = errors[name], row[name]["test_examples"]
            half = 196 * (error * (1 - error) / examples) ** 0.5
            theirs = TABLE[problem].get(name)
            text = f"{100 * error:.2f}\u00a0±\u00a0{half:.2f}"
            text = f"**{text}**" if error == min(errors.values()) else text
            cells.append(text + (f" ({theirs:.2f})" if theirs is not None else ""))
        rows.append([*cells, f"({TABLE[problem]['dbn']:.2f})"] if "dbn" not in methods else cells)
    heads = ["test error, %", *(_METHODS[name] for name in methods), *(["DBN-3"] if "dbn" not in methods else [])]
    return f"{table(heads, rows)}\n\n{content['finding']}. {_origin(content)}"


def _tutorial(content: dict[str, Any]) -> str:
    rows: list[list[object]] = [["the Theano tutorial", "", "", f"{100 * content['tutorial']['test_error']:.1f}", ""]]
    for name, setting in content["settings"].items():
        runs = setting["runs"]
        rows += [
            [
                name, run["seed"], f"{100 * run['validation_error']:.2f}", f"{100 * run['test_error']:.2f}",
                run["epochs"],
            ]
            for run in runs
        ]  # fmt: skip
        means = [100 * sum(run[key] for run in runs) / len(runs) for key in ("validation_error", "test_error")]
        rows.append([f"{name}, mean", "", f"{means[0]:.2f}", f"**{means[1]:.2f}**", ""])
    return table(["setting", "seed", "validation, %", "test, %", "epochs"], rows)


def _doctor(content: dict[str, Any]) -> str:
    judges = {
        "doctor": "the doctor", "fixed": "always Adam 1e-3, He, linear, standardised", "torchmortem": "torchmortem",
        "rules": "rules on traces", "random": "a random change",
    }  # fmt: skip
    measured = ("cause right", "first prescription restores health", "healthy called ill", "failing left unknown")
    rows = []
    for name in measured:
        cells = [name]
        for judge in judges:
            found = content["judges"].get(judge, {}).get(name)
            low, high = found["interval"] if found else ("", "")
            cells.append(f"{found['percent']:.1f}<br><small>{low:.1f}\u00a0to\u00a0{high:.1f}</small>" if found else "")
        rows.append(cells)
    count = content["judges"]["doctor"]["trainings"]
    return (
        f"{table(['%, and the 95 % interval', *judges.values()], rows)}\n\n"
        f"{count['failing']} failing trainings and {count['healthy']} healthy ones; the others were asked about the "
        f"first of them. Made by `{'`, `'.join(content['commands'])}`."
    )


def _speed(content: dict[str, Any]) -> str:
    rows_of: dict[tuple[Any, ...], dict[str, float]] = {}
    for row in content["rows"]:
        key = (row.get("corruption", content["work"].get("corruption", "none")), row["n_hidden"], row["batch_size"])
        rows_of.setdefault(key, {})[row["name"]] = row["samples_per_second"]["median"]
    names = list(dict.fromkeys(row["name"] for row in content["rows"] if row["name"] != "bare steps"))
    peers = [name for name in names if name != "scratchdae"]
    rows: list[list[object]] = []
    for (corruption, units, batch), rates in rows_of.items():
        if "scratchdae" not in rates or not any(peer in rates for peer in peers):
            continue
        strongest = max(rates[peer] for peer in peers if peer in rates)
        rates_said = [f"{rates[name]:,.0f}" if name in rates else "" for name in names]
        rows.append([corruption, units, batch, *rates_said, f"**{rates['scratchdae'] / strongest:.2f}**"])
    heads = ["corruption", "H", "B", *names, "× the strongest"]
    return f"{content['finding']}.\n\n{table(heads, rows)}\n\n{_origin(content)}"
