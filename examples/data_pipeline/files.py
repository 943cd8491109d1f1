"""The files that the steps hand to each other by path."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Table:
    """A CSV file that a step made: where it is, and how many rows it has without the header."""

    path: str
    rows: int

    def read(self) -> Iterator[dict[str, str]]:
        with open(self.path, newline="") as file:
            yield from csv.DictReader(file)

    def beside(self, suffix: str) -> Path:
        """The path of a file beside this one: ``orders-1.csv`` becomes ``orders-1.{suffix}.csv``."""
        return Path(self.path).with_suffix(f".{suffix}.csv")


def write_table(path: Path, columns: list[str], rows: Iterable[Iterable[Any]]) -> Table:
    """Writes a file so that nobody ever sees a part of it: tasks that run side by side may share a directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tempfile.NamedTemporaryFile("w", dir=path.parent, newline="", delete=False) as part:
        out = csv.writer(part, lineterminator="\n")
        out.writerow(columns)
        for row in rows:
            out.writerow(row)
            count += 1
    os.replace(part.name, path)
    return Table(str(path), count)
