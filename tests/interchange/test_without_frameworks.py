"""Names and layout are PyTorch's without PyTorch; what needs a framework says which."""

import subprocess
import sys

CODE = """
import sys
import scratchdae
from scratchdae import interchange
assert not {"torch", "keras"} & set(sys.modules)
sys.modules["torch"] = sys.modules["keras"] = None
import numpy as np
model = scratchdae.DenoisingAutoencoder(6, 4, np.random.default_rng(0))
interchange.save_safetensors(model, sys.argv[1])
other = scratchdae.DenoisingAutoencoder(6, 4, np.random.default_rng(1))
interchange.load_safetensors(other, sys.argv[1])
assert all(np.array_equal(other.params[name], value) for name, value in model.params.items())
print({name: value.shape for name, value in interchange.state_dict(model).items()})
for make in (interchange.to_torch, interchange.from_torch, interchange.to_keras, interchange.from_keras):
    try:
        make(model)
    except ImportError as error:
        print(str(error).partition(" (")[0])
"""


def test_without_the_frameworks(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    said = subprocess.run([sys.executable, "-c", CODE, path], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "{'encoder.weight': (4, 6), 'encoder.bias': (4,), 'decoder_bias': (6,)}",
        *["to_torch and from_torch need PyTorch: pip install torch"] * 2,
        *["to_keras and from_keras need Keras: pip install keras"] * 2,
    ]
