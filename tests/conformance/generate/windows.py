"""Where the windows of a convolution or a pooling lie, along one axis."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Windows:
    """Windows along one axis, over an image in a frame of padding.

    Attributes
    ----------
    size : int
        Pixels of the image.
    count : int
        How many windows there are.
    kernel, stride : int
        Pixels of a window, and from one window to the next.
    before : int
        Pixels of padding before the first of the image.
    """

    size: int
    count: int
    kernel: int
    stride: int
    before: int

    @property
    def framed(self) -> int:
        """Return the pixels of image and padding.

        Returns
        -------
        int
            As far as the image or the last window reaches.
        """
        return max(self.before + self.size, (self.count - 1) * self.stride + self.kernel)

    @property
    def inside(self) -> slice:
        """Return where the image lies in its frame.

        Returns
        -------
        slice
            Its pixels.
        """
        return slice(self.before, self.before + self.size)

    def pixels(self, place: int) -> slice:
        """Return the pixels that all windows have at one place.

        Parameters
        ----------
        place : int
            From 0 to `kernel` - 1.

        Returns
        -------
        slice
            One pixel of the frame for each window.
        """
        return slice(place, place + (self.count - 1) * self.stride + 1, self.stride)


def windows(size: int, kernel: int, stride: int, padding: str) -> Windows:
    """Lay windows over an axis by TensorFlow's and Keras' rule.

    Parameters
    ----------
    size : int
        Pixels of the image.
    kernel, stride : int
        Pixels of a window, and from one window to the next.
    padding : {"same", "valid"}
        ceil(size / stride) windows with the odd pixel of padding after the last, or only those inside the image.

    Returns
    -------
    Windows
        Where they lie.
    """
    if padding == "valid":
        return Windows(size, (size - kernel) // stride + 1, kernel, stride, 0)
    count = -(-size // stride)
    return Windows(size, count, kernel, stride, max((count - 1) * stride + kernel - size, 0) // 2)
