"""Lays a run out on a terminal. The one module that knows rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bot.chronicle import Line

_MARKS = {"done": "✓", "intended": "…", "waiting": " "}


def print_run(
    header: dict[str, Any], steps: Sequence[dict[str, Any]], lines: Sequence[Line]
) -> None:
    """Print what a run is, its plan, and everything that happened."""
    console = Console(highlight=False, soft_wrap=True)
    _print_header(console, header)
    _print_plan(console, steps)
    _print_records(console, lines)


def _print_header(console: Console, header: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(header['headline'])}[/bold]")
    take = header["take"]
    ticket = f", ticket {header['ticket']}" if header["ticket"] else ""
    console.print(
        f"{header['package']}, take {take['before']} → {take['after']}, "
        f"asked for by {header['requester']}{ticket}",
        markup=False,
    )
    if header["hold"]:
        console.print(f"held: {header['hold']}", markup=False, style="bold")
    if header["out_of_service"]:
        console.print(f"out of service: {', '.join(header['out_of_service'])}", markup=False)
    if header["left_out"]:
        console.print(f"left out: {', '.join(header['left_out'])}", markup=False)
    if header["by_hand"]:
        console.print(f"by hand: {header['by_hand']}", markup=False)
    if header["by_hand_waits"]:
        console.print(f"  {header['by_hand_waits']}", markup=False)
    if header["cloning_owed"]:
        console.print("auto-clone is owed", markup=False)


def _print_plan(console: Console, steps: Sequence[dict[str, Any]]) -> None:
    console.print(f"\n[bold]Plan[/bold], {len(steps)} steps")
    for step in steps:
        again = f", attempt {step['attempt']}" if step["attempt"] > 1 else ""
        how = f" ({step['how']})" if step["how"] else ""
        members = f" {step['members']}" if step["members"] else ""
        console.print(
            f"  {_MARKS[step['status']]} {step['step']}{members}{again}{how}", markup=False
        )


def _print_records(console: Console, lines: Sequence[Line]) -> None:
    console.print(f"\n[bold]What happened[/bold], {len(lines)} records")
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    day = ""
    for line in lines:
        date, time = line.at[:10], line.at[11:19]
        if date != day:
            day = date
            table.add_row("", Text(date, style="bold"), "", "UTC")
        told = Text(line.what)
        if line.facts:
            told.append(f"\n{' · '.join(line.facts)}", style="dim")
        table.add_row(str(line.seq), time, Text(line.by), told)
    console.print(table)
