"""What the benchmark prints: rows of a figure, what would be good, and where the figure comes from."""

import dataclasses


@dataclasses.dataclass
class Row:
    label: str
    value: float | None  # None: there is only a note
    note: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def is_good(self):
        """None where nothing says what would be good."""
        if self.value is None or self.at_least is self.at_most is None:
            return None
        return self.value >= self.at_least if self.at_least is not None else self.value <= self.at_most

    def good(self):
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}" if self.at_most is not None else ""


VERDICTS = {True: "yes", False: "no", None: ""}


def figure(value):
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"


def print_section(title, rows):
    print(f"\n{title}")
    for row in rows:
        verdict = VERDICTS[row.is_good()]
        print(f"  {row.label:<50} {figure(row.value):>8}  {row.good():<8} {verdict:<4} {row.note}".rstrip(), flush=True)


def as_json(rows):
    return [dataclasses.asdict(row) | {"good": row.is_good()} for row in rows]
