"""The README's table: of the largest run of each kind of work, tf_loadops beside the ways that people use today."""

from __future__ import annotations

import pathlib
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.tables import shown

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


class Headline(NamedTuple):
    """One kind of work.

    Attributes:
      title: a pattern of the case's title; of several cases that match, the last one counts.
      work: what the table calls it, with the pattern's groups.
      ours: the candidate of this package.
      peers: the candidates beside it.
    """

    title: str
    work: str
    ours: str
    peers: Sequence[str]


HEADLINES = (
    Headline(r"CSV, numeric10, (.*)", r"CSV, 10 columns of floats, \1, to a standardized tensor",
             "tf_loadops, numeric", ("pandas", "polars", "pyarrow.csv", "tf.data CsvDataset")),
    Headline(r"Parquet, reals, none, (.*)", r"Parquet, float64, \1, to a float32 tensor",
             "tf_loadops, native", ("pyarrow", "polars", "tensorflow-io, IODataset")),
    Headline(r"SQLite, table of reals, (.*)", r"SQLite, whole table, \1, to a float32 tensor",
             "tf_loadops, scan", ("sqlite3, fetchall, numpy", "connectorx", "SqlDataset.batch")),
    Headline(r"SQLite, lookup of 1000 keys", "SQLite, 1,000 keys to features",
             "tf_loadops, SQLiteLookup", ("sqlite3, IN (…)",)),
    Headline(r"statistics of a CSV file of (.*)", r"mean and deviation of the columns of a CSV file of \1",
             "tf_loadops", ("pandas chunks + partial_fit",)),
    Headline(r"file to a model trained for one epoch, (.*)", r"file to a model trained for one epoch, \1",
             "tf_loadops", ("pandas, numpy", "make_csv_dataset, Normalization")),
    Headline(r"file to predictions, (.*)", r"file to predictions, \1",
             "tf_loadops, SavedModel", ("pandas, numpy", "make_csv_dataset, Normalization")),
    Headline(r"one request of 100 rows.*", "a request of 100 rows to a served model, median",
             "tf_loadops, SavedModel, median", ("pandas, model(x), median",)),
)  # fmt: skip


COLUMNS = ["work", "tf_loadops", "beside it", "its time", "tf_loadops' share of it"]


def markdown(figures: Mapping[str, Any], headlines: Sequence[Headline] = HEADLINES) -> str:
    """The table, and below it a line on what it was taken with.

    Args:
      figures: a document of `results`.
      headlines: the lines wanted; what the document does not hold is left out.

    Returns:
      Markdown.
    """
    machine, versions, plan = figures["machine"], figures["versions"], figures["plan"]
    head, *table = [f"| {' | '.join(line)} |" for line in (COLUMNS, *rows(figures, headlines))]
    taken = f"{figures['date']}, commit {figures['commit'] or 'unknown'}"
    where = f"{machine['processor']}, {machine['cores']} cores; TensorFlow {versions.get('tensorflow', '?')}"
    run = f"size {plan['size']}, {plan['rounds']} rounds"
    rule = "|" + "---|" * len(COLUMNS)
    return "\n".join([head, rule, *table, "", f"{taken}; {where}; {run}."])


def into_readme(readme: pathlib.Path, table: str) -> None:
    """Puts a table between the README's two marks.

    Raises:
      SystemExit: if they are not there.
    """
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{readme}: has no marks {BEGIN} and {END} for the table to go between.")
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def rows(figures: Mapping[str, Any], headlines: Sequence[Headline] = HEADLINES) -> Iterator[list[str]]:
    """The table's cells, as `COLUMNS`; what repeats in a line is empty."""
    reports = {title: report for found in figures["suites"].values() for title, report in found.items()}
    for headline in headlines:
        yield from _rows(reports, headline)


def _rows(reports: Mapping[str, Any], headline: Headline) -> Iterator[list[str]]:
    titles = [title for title in reports if re.fullmatch(headline.title, title)]
    if not titles:
        return
    report = reports[titles[-1]]
    ours = report.get(headline.ours, {})
    if "median" not in ours:
        return
    work = re.sub(headline.title, headline.work, titles[-1], count=1)
    first = [work, shown(ours, "median")]
    for peer in headline.peers:
        theirs = report.get(peer, {})
        if "median" in theirs:
            yield [*first, peer, shown(theirs, "median"), _share(ours, theirs)]
            first = ["", ""]


def _share(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The median, and the range, of our time over theirs in the same round."""
    pairs = zip(ours["values"], theirs["values"], strict=False)  # slow candidates run in fewer rounds
    ratios = [own / other for own, other in pairs]
    median, least, most = (_short(ratio) for ratio in (statistics.median(ratios), min(ratios), max(ratios)))
    return f"{median} ({least}-{most})"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"
