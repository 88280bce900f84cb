"""`scratchlm kernel list`."""

import click

from .arguments import letters, runnable

WIDTH = 80


@click.command("list")
def list_kernels() -> None:
    """List the CUDA kernels that come with scratchlm, and the lengths that --shape gives each."""
    from rich.console import Console
    from rich.table import Table

    from scratchlm.kernels.contract import HERE

    known = runnable()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for least in (max(map(len, known)) + 2, 9):  # the same columns for every file
        table.add_column(no_wrap=True, min_width=least)
    for file in dict.fromkeys(row.family for row, _ in known.values()):
        table.add_row(f"[bold]{file}.cu[/]")
        for name, (row, function) in known.items():
            if row.family == file:
                what = function.__doc__.split("\n")[0].partition("    [")[0].replace("[", r"\[")
                table.add_row(f"  {name}", ",".join(letters(row)), what)
    Console(width=WIDTH).print(table)
    click.echo(
        "--shape: N rows, V classes, D features, T time steps, S keys, B batch, H hidden\n"
        "or heads; … any shape. Numbered kernels are earlier, slower versions.\n"
        f"Files: FAMILY/FAMILY.cu in {HERE}"
    )
