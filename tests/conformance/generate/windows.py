"""Where the windows of a convolution or a pooling lie, along one axis."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """Windows along one axis, over an image in a frame of padding."""

    size: int  # pixels of the image
    count: int  # how many windows there are
    kernel: int  # pixels of a window, and from one window to the next
    stride: int
    before: int  # pixels of padding before the first of the image

    @property
    def framed(self) -> int:
        """Return the pixels of image and padding, as far as the image or the last window reaches."""
        return max(self.before + self.size, (self.count - 1) * self.stride + self.kernel)

    @property
    def inside(self) -> slice:
        """Return where the image lies in its frame."""
        return slice(self.before, self.before + self.size)

    def pixels(self, place: int) -> slice:
        """Return the pixels of the frame that all windows have at one place, one for each window."""
        return slice(place, place + (self.count - 1) * self.stride + 1, self.stride)


def windows(size: int, kernel: int, stride: int, padding: str) -> Windows:
    """Lay windows over an axis by TensorFlow's and Keras' rule.

    ``same`` has ceil(size / stride) of them, with the odd pixel of padding after the last; ``valid`` those inside the
    image.
    """
    if padding == "valid":
        return Windows(size, (size - kernel) // stride + 1, kernel, stride, 0)
    count = -(-size // stride)
    return Windows(size, count, kernel, stride, max((count - 1) * stride + kernel - size, 0) // 2)
