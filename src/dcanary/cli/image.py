"""`dcanary image`: the file systems in which stages run."""

from __future__ import annotations

from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.errors import translated

_IMAGE = "IMAGE is the name of a standard image, a lock file, or the beginning of a digest."


@click.group()
def image() -> None:
    """Lock, build and look at images: the file systems in which stages run."""


@image.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The lock file (default: beside SPEC, ending in .lock).",
)
@pass_context
def lock(context: Context, spec: Path, out: Path | None) -> None:
    """Choose all packages of SPEC and write the lock file that pins them by hash."""
    from dcanary.cli.operations import images as operations

    with translated():
        made = operations.write_lock(spec, out, context.output.progress)
    context.output.record(made, "digest")


@image.command(epilog=_IMAGE)
@click.argument("image")
@pass_context
def build(context: Context, image: str) -> None:
    """Build IMAGE from its lock, unless it is built already.

    Packages are unpacked, none of their scripts is run, and no rights of root are needed.
    """
    from dcanary.cli.operations import images as operations

    with translated():
        built = operations.build(image, context.output.progress)
    context.output.record(operations.row(built), "digest")


@image.command("list")
@pass_context
def list_(context: Context) -> None:
    """List the images that are built here."""
    from dcanary.cli.operations import images as operations
    from dcanary.image.machine import images

    with translated():
        rows = [operations.row(each) for each in images().images()]
    columns = ["digest", "name", "machine", "bytes", "files", "used"]
    context.output.table(rows, columns, "no images: build one with `dcanary image build NAME`")


@image.command(epilog=_IMAGE)
@click.argument("image")
@pass_context
def show(context: Context, image: str) -> None:
    """Show what IMAGE is made of, built or not."""
    from dcanary.cli.operations import images as operations

    with translated():
        shown = operations.describe(image)
    context.output.record(shown, "digest")


@image.command(epilog=_IMAGE)
@click.argument("image", required=False)
@pass_context
def check(context: Context, image: str | None) -> None:
    """Compare every byte of IMAGE, or of all images, with what was built."""
    from dcanary.cli.operations import images as operations

    with translated():
        rows = [operations.row(each) for each in operations.check(image)]
    columns = ["digest", "name", "tree", "files"]
    context.output.table(rows, columns, "no images are built here")


@image.command(epilog=_IMAGE)
@click.argument("image")
@pass_context
def remove(context: Context, image: str) -> None:
    """Remove IMAGE. Its packages are kept: building it again downloads nothing."""
    from dcanary.cli.operations import images as operations

    with translated():
        removed = operations.remove(image)
    context.output.record(removed, "digest")


@image.command()
@click.option(
    "--unused-days",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="How long no stage has used an image.",
)
@click.option(
    "--packages",
    is_flag=True,
    help="Downloads that no image needs, too; `dcanary fetch` gets its own again.",
)
@pass_context
def collect(context: Context, unused_days: float, packages: bool) -> None:
    """Remove images that no stage has used for a while, and what killed builds have left."""
    from dcanary.cli.operations import images as operations

    with translated():
        removed, freed = operations.collect(unused_days, packages)
    if packages:
        context.output.say(f"{freed / 1e6:.0f} MB of packages were removed")
    columns = ["digest", "name", "bytes", "used"]
    context.output.table([operations.row(each) for each in removed], columns, "no image is unused")
