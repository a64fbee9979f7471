"""`dcanary build`: a Kybra-API canister to an IC module."""

from __future__ import annotations

from pathlib import Path

import click

from dcanary.cli.context import Context, pass_context


@click.command()
@click.argument("main", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for NAME.wasm, NAME.wasm.gz and NAME.did (default: build in the home folder).",
)
@click.option("--name", help="Name of the canister (default: the folder of main.py).")
@pass_context
def build(context: Context, main: Path, out: Path | None, name: str | None) -> None:
    """Compile MAIN (a main.py or its folder) to .wasm, .wasm.gz and .did.

    The same sources give the same bytes, whoever builds them and wherever.
    """
    from dcanary.cli.operations.build import build_one

    folder = out or context.build_dir
    built = build_one(main, folder, name, context.output.progress)
    context.output.record(
        {
            "name": built.name,
            "module": str(folder / f"{built.name}.wasm.gz"),
            "interface": str(folder / f"{built.name}.did"),
            "bytes": len(built.wasm_gz),
            "sha256": built.module_hash_gz,
            "seconds": round(built.duration, 2),
        },
        "sha256",
    )
