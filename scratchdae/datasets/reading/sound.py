"""Sounds: a .wav file as frames of so many samples, in [-1, 1]."""

import numpy as np

from scratchdae.arguments import Array
from scratchdae.datasets.reading import large
from scratchdae.datasets.reading.containers import Content
from scratchdae.datasets.reading.options import Found, Options

RIFF = b"RIFF"
_FRAME = 512  # samples
_FLOATS, _EXTENSIBLE = 3, 0xFFFE  # codes of the format, beside 1 for integers
_PER_CHUNK = 1000  # chunks before the samples


def wav(content: Content, options: Options) -> Found:
    """Cut a sound into frames, the mean of its channels."""
    file = content.seekable()
    if file.read(12)[8:] != b"WAVE":
        raise ValueError("a .wav file must begin with RIFF and WAVE")
    code = bits = channels = rate = 0
    for _ in range(_PER_CHUNK):
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("a .wav file must have its samples in a chunk called data, found none")
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            break
        body = file.read(size + size % 2)
        if head[:4] == b"fmt ":
            code, channels, rate, bits = (
                int.from_bytes(body[a:b], "little") for a, b in ((0, 2), (2, 4), (4, 8), (14, 16))
            )
            code = int.from_bytes(body[24:26], "little") if code == _EXTENSIBLE else code
    start, end = file.tell(), file.seek(0, 2)
    if code not in (1, _FLOATS) or bits not in ((8, 16, 24, 32) if code == 1 else (32, 64)) or not channels:
        raise ValueError(
            f"its samples must be integers or floats, found format {code} of {bits} bits, {channels} channels"
        )
    if start + size > end:
        raise ValueError(f"its samples must be {size} bytes, as it says, found {end - start}")
    kind = "u1" if bits in (8, 24) else f"<{'i' if code == 1 else 'f'}{bits // 8}"
    each = channels * bits // 8  # bytes of a moment
    moments = size // each
    shape = (moments, channels, 3) if bits == 24 else (moments, channels)
    if content.plain:
        raw: Array = np.memmap(content.path, kind, "r", start, shape) if moments else np.empty(shape, kind)
    else:
        file.seek(start)
        raw = np.frombuffer(file.read(moments * each), kind).reshape(shape)

    def samples(batch: Array) -> Array:
        if bits == 24:
            batch = (np.pad(batch, ((0, 0), (0, 0), (1, 0))).view("<i4")[..., 0] >> 8).astype(np.float32)
        elif bits == 8:
            batch = batch.astype(np.float32) - 128
        largest = 1.0 if code == _FLOATS else 2.0 ** (bits - 1)
        return np.asarray(batch.mean(axis=1, dtype=np.float64) / largest)

    frame = options.frame or _FRAME
    hop = options.hop or frame
    if moments < frame:
        raise ValueError(f"it must have a frame of {frame} samples at least, found {moments}; --frame says how many")
    signal = large.converted(raw, np.float32, samples, (moments,))
    frames = np.lib.stride_tricks.sliding_window_view(signal, frame)[::hop]
    left = moments - (len(frames) - 1) * hop - frame
    notes = [f"{rate} samples a second, frames of {frame} samples, {hop} from one to the next (--frame, --hop)"]
    notes += [f"the mean of its {channels} channels"] if channels > 1 else []
    notes += [f"the last {left} samples are in no frame"] if left else []
    return Found(frames, notes=notes)
