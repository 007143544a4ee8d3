"""Implementations of two tiny cases: a right one, and one for each way to be wrong that the runner must survive."""

import os
import signal
import sys
import time

import numpy as np

from scratchdae.conformance import Unsupported


class Right:
    name = "right"

    def penalty(self, inputs, conventions):
        W, l2 = inputs["W"], conventions["l2"]
        return {"penalty": l2 * (W**2).sum(), "dW": 2 * l2 * W}

    def corruption(self, inputs, conventions):
        return {"x_tilde": np.where(inputs["mask"], 0 * inputs["x"], inputs["x"])}


class InSingle(Right):
    dtype = "float32"


class Spoiler(Right):
    """Right, though it destroys all that it is given."""

    def penalty(self, inputs, conventions):
        answer = super().penalty(inputs, conventions)
        inputs["W"][:] = np.nan
        conventions.clear()
        inputs.clear()
        return answer


class Halved(Right):
    def penalty(self, inputs, conventions):
        return {name: value / 2 for name, value in super().penalty(inputs, conventions).items()}


class Partly(Right):
    def penalty(self, inputs, conventions):
        raise Unsupported("no weight decay | here")


class Nothing:
    pass


class Raising(Right):
    def penalty(self, inputs, conventions):
        raise KeyError("a bug of theirs")


class Leaving(Right):
    def penalty(self, inputs, conventions):
        sys.exit("left")


class Unspeakable(Right):
    def penalty(self, inputs, conventions):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError

        raise Mute


class Property(Right):
    @property
    def penalty(self):
        raise RuntimeError("not ready")


class Tuple(Right):
    def penalty(self, inputs, conventions):
        return 1.0, inputs["W"]


class Numbered(Right):
    def penalty(self, inputs, conventions):
        return {1: 1.0}


class Wordy(Right):
    def penalty(self, inputs, conventions):
        return {"penalty": "3.5", "dW": inputs["W"]}


class Ragged(Right):
    def penalty(self, inputs, conventions):
        return {"penalty": 3.5, "dW": [[1.0], [1.0, 2.0]]}


class Complex(Right):
    def penalty(self, inputs, conventions):
        return {"penalty": 3.5 + 0j, "dW": inputs["W"]}


class Huge(Right):
    def penalty(self, inputs, conventions):
        return {"penalty": 3.5, "dW": np.broadcast_to(1.0, (10**5, 10**5))}


class Missing(Right):
    def penalty(self, inputs, conventions):
        return {"dW": inputs["W"] / 2}


class Extra(Right):
    def penalty(self, inputs, conventions):
        return super().penalty(inputs, conventions) | {"dW\n| <b>\x1b[31m\ud800": 1.0}


class Echo(Right):
    def penalty(self, inputs, conventions):
        return super().penalty(inputs, conventions) | {"W": inputs["W"]}


class Transposed(Right):
    def penalty(self, inputs, conventions):
        answer = super().penalty(inputs, conventions)
        return answer | {"dW": answer["dW"].T}


class Single(Right):
    """Answers in float32 though it says float64."""

    def penalty(self, inputs, conventions):
        answer = super().penalty(inputs, conventions)
        return answer | {"dW": answer["dW"].astype(np.float32)}


class NotANumber(Right):
    def penalty(self, inputs, conventions):
        answer = super().penalty(inputs, conventions)
        answer["dW"][1, 2] = np.nan
        return answer


class Hanging(Right):
    def penalty(self, inputs, conventions):
        time.sleep(600)


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Compiling(Right):
    """Computes for a while in its first call."""

    warm = False

    def penalty(self, inputs, conventions):
        if not self.warm:
            busy(3)
        self.warm = True
        return super().penalty(inputs, conventions)


class Slow(Right):
    """Computes for a while in every call."""

    def penalty(self, inputs, conventions):
        busy(3)
        return super().penalty(inputs, conventions)


class Crashing(Right):
    def penalty(self, inputs, conventions):
        os.kill(os.getpid(), signal.SIGSEGV)


class Quitting(Right):
    def penalty(self, inputs, conventions):
        os._exit(0)


class Unborn(Right):
    def __reduce__(self):
        return _fail, ()


def _fail():
    raise RuntimeError("cannot be made here")


class Near(Right):
    """Half a per cent off."""

    def penalty(self, inputs, conventions):
        return {name: 1.005 * value for name, value in super().penalty(inputs, conventions).items()}


class Lenient(Near):
    tolerances = {"penalty": 0.9}  # noqa: RUF012


right = Right()
