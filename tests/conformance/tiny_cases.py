"""Cases small enough to be computed in the head, written to files as those of the package are."""

import hashlib
import json

import numpy as np
from safetensors.numpy import save

TOLERANCES = {
    "float64": {"relative": 1e-13, "reason": "a few roundings"},
    "float32": {"relative": 1e-6, "reason": "a few roundings"},
}


def manifest(name, group, inputs, stages, required, conventions, **changed):
    """Describe a case; `inputs` and the stages are named arrays."""
    arrays = inputs | {key: value for named in stages.values() for key, value in named.items()}
    described = {
        key: {"shape": list(value.shape), "dtype": value.dtype.name, "meaning": "as in the paper"}
        for key, value in arrays.items()
    }
    return {
        "spec": 1,
        "name": name,
        "group": group,
        "operation": group,
        "dtype": "float64",
        "sizes": {"D": 3},
        "conventions": conventions,
        "in_words": ["l2 · ΣW²"],
        "aimed_at": "a factor 1/2",
        "chapter": None,
        "inputs": list(inputs),
        "stages": [{"stage": stage, "arrays": list(named)} for stage, named in stages.items()],
        "required": required,
        "tolerances": TOLERANCES,
        "arrays": described,
        "sha256": "",
    } | changed


def write(root, described, arrays):
    """Write a case; return the path of its manifest."""
    folder = root / described["group"]
    folder.mkdir(parents=True, exist_ok=True)
    content = save({key: np.asarray(value, order="C") for key, value in arrays.items()})
    (folder / f"{described['name']}.safetensors").write_bytes(content)
    path = folder / f"{described['name']}.json"
    described = described | {"sha256": described["sha256"] or hashlib.sha256(content).hexdigest()}
    path.write_text(json.dumps(described), encoding="utf-8")
    return path


def penalty_arrays():
    W = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.5]])
    return {"W": W}, {"loss": {"penalty": np.array(0.25 * (W**2).sum())}, "gradients": {"dW": 0.5 * W}}


def penalty(root, name="ridge", **changed):
    """Write the case 1/4 · ΣW² and its gradient W/2; return the path of its manifest."""
    inputs, stages = penalty_arrays()
    described = manifest(name, "penalty", inputs, stages, ["penalty", "dW"], {"l2": 0.25}, **changed)
    return write(root, described, inputs | stages["loss"] | stages["gradients"])


def corruption(root, name="masked", **changed):
    """Write the case of masking, in which x_tilde must be exact; return the path of its manifest."""
    x, mask = np.array([[1.0, 2.0, -3.0]]), np.array([[True, False, True]])
    inputs, stages = {"x": x, "mask": mask}, {"forward": {"x_tilde": np.where(mask, 0.0, x)}}
    options = {"exact": ["x_tilde"]} | changed
    described = manifest(name, "corruption", inputs, stages, ["x_tilde"], {"corruption": "masking"}, **options)
    return write(root, described, inputs | stages["forward"])


def arrays_case(root, expected, required=None, **changed):
    """Write a case of an operation nobody has, with one stage of the arrays given; return the path of its manifest."""
    described = manifest(
        "made_up", "made", {"x": np.ones(2)}, {"forward": expected}, required or list(expected), {}, **changed
    )
    return write(root, described, {"x": np.ones(2)} | expected)
