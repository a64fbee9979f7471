"""`python -m bench.images`: what it takes to use an image again, for each one that is built here.

To use an image is to look at the size and the times of all its files, and to compare all bytes
every so often: the least of several uses is the first, `dcanary image check` the second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from bench.figures import Ratio
from bench.report import ratio_lines
from dcanary.image import machine
from dcanary.image.store import Image, ImageStore

LIMIT = 0.2
"""Seconds."""
USES = 7


def reuse(images: ImageStore, image: Image, uses: int = USES) -> Ratio:
    """Use an image several times."""
    least = float("inf")
    for _ in range(uses):
        begun = time.monotonic()
        with images.use(image.digest):
            least = min(least, time.monotonic() - begun)
    return Ratio(
        f"image_reuse_{image.name}",
        f"use of the image {image.name} ({image.files:,} files)",
        least / LIMIT,
        f"{LIMIT * 1000:.0f} ms",
        f"{least * 1000:.0f} ms",
    )


def measure(images: ImageStore) -> Sequence[Ratio]:
    """Use each image of a store."""
    return [reuse(images, image) for image in images.images()]


def main() -> int:
    """Print the ratios; the exit code is 1 when no image is built."""
    found = measure(machine.images())
    if not found:
        print("bench: no image is built here: dcanary image build NAME", file=sys.stderr)
        return 1
    print("\n".join(ratio_lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
