"""A solution in another language: handed the cases in folders, judged as any other."""

import os
import shutil

import pytest

from scratchdae.cli import main
from scratchdae.exercises import program
from scratchdae.exercises.catalogue import EXERCISES

ARRAY = 'const array = (shape, values) => ({ dtype: "float64", shape, values });\n'
GAP = "return null; // your lines go here"
BIASES = (
    """const [[B, D], H] = [da_z.shape, y.shape[1]];
    const [db, db_prime] = [new Array(H).fill(0), new Array(D).fill(0)];
    for (let k = 0; k < B * D; k++) db_prime[k % D] += da_z.values[k];
    for (let k = 0; k < B * H; k++) {
      let dy = 0;
      for (let d = 0; d < D; d++) dy += da_z.values[Math.floor(k / H) * D + d] * W.values[d * H + (k % H)];
      db[k % H] += dy * y.values[k] * (1 - y.values[k]);
    }
    return { db: array([H], db), db_prime: array([D], db_prime) };""",
)
STABLE = (
    "return { s: array(a.shape, a.values.map((v) => 1 / (1 + Math.exp(-v)))) };",
    "const terms = a.values.map((v, k) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))) - v * x.values[k]);\n"
    "return { loss: array([], [terms.reduce((s, v) => s + v, 0) / a.shape[0]]) };",
)


@pytest.mark.parametrize(
    ("number", "lines", "spoilt", "told"),
    [
        ("06", BIASES, "dy * y.values[k] * (1 - y.values[k])|dy", "What lies between dy and da_y?"),
        ("01", STABLE, "a.values|nowhere.values", "ReferenceError: nowhere is not defined"),
    ],
)
def test_javascript_is_begun_is_right_and_told_its_mistake(number, lines, spoilt, told, tmp_path, capsys):
    if shutil.which("node") is None:
        assert not os.environ.get("CI"), "needs Node, which CI installs"
        pytest.skip("needs Node (node), which is not installed")
    exercise = next(exercise for exercise in EXERCISES if exercise.id == number)
    path = tmp_path / f"{exercise.stem}.mjs"
    command = f"node {path} {{case_dir}} {{out_dir}}"

    def check(status):
        assert main(["exercises", "check", number, "--dir", str(tmp_path), "--exec", command]) == status
        return capsys.readouterr().out

    assert main(["exercises", "start", number, "--language", "javascript", "--dir", str(tmp_path)]) == 0
    assert "still has its gap" in check(1)
    text = path.read_text()
    assert text.count(GAP) == len(lines)
    for line in lines:
        text = text.replace(GAP, line, 1)
    text = text.replace("const functions", f"{ARRAY}\nconst functions")
    path.write_text(text)
    assert f"Exercise {number}: right." in check(0)
    assert main(["exercises", "list", "--dir", str(tmp_path)]) == 0
    assert f"✓ {number}" in capsys.readouterr().out
    path.write_text(text.replace(*spoilt.split("|")))
    assert told in check(1)


def test_what_a_program_cannot_be_given_is_refused(tmp_path, capsys):
    for number in ("02", "16", "17"):
        with pytest.raises(ValueError, match="that take and return arrays"):
            program.javascript(next(exercise for exercise in EXERCISES if exercise.id == number))
    for wrong in (
        ("check", "02", "--exec", "node x {case_dir} {out_dir}"),
        ("check", "05", "--exec", "node x"),
        ("check", "05", "--format", "json"),
        ("check", ".", "--all", "--exec", "node x {case_dir} {out_dir}"),
        ("start", "05", "--language", "javascript", "--format", "ipynb"),
    ):
        assert main(["exercises", *wrong, "--dir", str(tmp_path)]) == 2
        assert "error: " in capsys.readouterr().err
