"""The benchmarks: every suite runs, wrong results are not timed, figures are kept, shown and compared."""

import json
import pathlib

import pytest
from postgres.server import INSTALL, binaries

from benchmarks import headlines, results, timing
from benchmarks.__main__ import main
from benchmarks.page import page
from benchmarks.suite import SUITES, Case, Figures, Plan, SkippedError, cases

FIGURES = {
    "date": "2026-01-02 03:04 UTC",
    "machine": {"processor": "Z80 <fast>", "cores": 1, "system": "CP/M", "gpu": None},
    "versions": {"python": "3.11", "tensorflow": "2.21.0"},
    "commit": None,
    "seed": 0,
    "plan": {"size": "small", "peers": "all", "rounds": 7},
    "suites": {
        "csv": {
            "CSV, numeric10, 1 MB": {
                "pandas": {"median": 0.5, "min": 0.4, "max": 0.6, "rounds": 3, "ratio": 1.0, "ratio_min": 1.0,
                           "ratio_max": 1.0, "first": 0.7, "values": [0.4, 0.5, 0.6]},
                "tf_loadops, numeric": {"median": 0.25, "min": 0.2, "max": 0.3, "rounds": 3, "ratio": 0.5,
                                        "ratio_min": 0.4, "ratio_max": 0.75, "first": 3.0, "values": [0.3, 0.25, 0.2],
                                        "gigabytes_per_second": 4.0},
                "polars": {"skipped": "off by <a lot>"},
            }
        }
    },
}  # fmt: skip


@pytest.mark.parametrize("suite", [suite for suite in SUITES if suite != "first-call"])
def test_a_suite_runs_and_its_results_are_right(suite, tmp_path):
    if suite == "postgres" and binaries() is None:
        pytest.skip(INSTALL)
    plan = Plan("smoke", peers="none", rounds=1, folder=tmp_path)
    try:
        for case in cases(suite, plan):
            report = case.report(plan, lambda _: None)
            assert report
            wrong = {name: row["skipped"] for name, row in report.items() if "skipped" in row}
            # tensorflow-io ends the process on columns with nulls, so that its engine refuses a file of such.
            assert 'engine="native".' in wrong.pop("tf_loadops, tfio", 'engine="native".')
            assert set(wrong.values()) <= {"the profiler of this TensorFlow shows no kernels on this device"}
            assert isinstance(case, Figures) or all(name.startswith("tf_loadops") for name in report)
    except SkippedError as skipped:
        assert str(skipped) == "this version of tf_loadops reads no Parquet."
        pytest.skip(str(skipped))


def test_wrong_and_failing_candidates_are_not_timed():
    calls = []

    def work(name, result):
        calls.append(name)
        return result

    candidates = {
        "right": lambda: work("right", 1), "wrong": lambda: work("wrong", 2), "fails": lambda: work("fails", 1 / 0),
    }
    report = timing.compare(candidates, "right", lambda name, result: None if result == 1 else f"is {result}", 3)
    assert report["wrong"] == {"skipped": "is 2"}
    assert report["fails"] == {"skipped": "ZeroDivisionError: division by zero"}
    assert report["right"]["rounds"] == 3
    assert calls == ["right", "wrong", "right", "right", "right"]


def test_ratios_are_taken_pair_by_pair():
    row = timing.summary([2.0, 8.0, 3.0], [1.0, 2.0, 3.0])
    assert (row["median"], row["min"], row["max"], row["rounds"]) == (3.0, 2.0, 8.0, 3)
    assert (row["ratio"], row["ratio_min"], row["ratio_max"]) == (2.0, 1.0, 4.0)


def test_peers_are_chosen_by_name():
    assert [Plan(peers="polars, arrow").wants(name) for name in ("tf_loadops, scan", "pyarrow.csv", "pandas")] == [
        True, True, False,
    ]
    assert Plan().wants("pandas")
    assert not Plan(peers="none").wants("pandas")


def test_a_data_file_is_written_once_and_never_half(tmp_path):
    plan = Plan(folder=tmp_path / "data")

    def fail(path):
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        plan.file("a.csv", fail)
    assert not (tmp_path / "data/a.csv").exists()
    assert plan.file("a.csv", lambda path: path.write_text("whole")).read_text() == "whole"
    assert plan.file("a.csv", fail).read_text() == "whole"


def test_the_page_shows_every_figure_and_escapes_text():
    text = page(FIGURES)
    parts = ("Z80 &lt;fast&gt;", "500 ms", "250 ms", "0.50 (0.40-0.75)", "<th>GB/s", "<td>4<td>0.50")
    for part in (*parts, "skipped: off by &lt;a lot&gt;"):
        assert part in text
    assert "width:41.67%" in text  # 0.25 s, where the longest run takes 0.6 s
    assert "<span class=value>250 ms, 4 GB/s</span>" in text
    assert "0.50 (0.33-0.75)" in text  # the README's line
    assert "<fast>" not in text
    assert "http" not in text


def test_compare(tmp_path, capsys):
    new = json.loads(json.dumps(FIGURES))
    rows = new["suites"]["csv"]["CSV, numeric10, 1 MB"]
    rows["tf_loadops, numeric"] |= {"median": 0.1, "min": 0.05, "max": 0.15}
    rows["pandas"] |= {"median": 0.6, "min": 0.5, "max": 0.7}
    old_path, new_path = tmp_path / "old.json", tmp_path / "new.json"
    results.save(old_path, FIGURES)
    results.save(new_path, new)
    title = "CSV, numeric10, 1 MB"
    assert results.compared(FIGURES, new) == [
        (title, "pandas", 0.5, 0.6, "no clear change"), (title, "tf_loadops, numeric", 0.25, 0.1, "faster"),
    ]
    assert [verdict for *_, verdict in results.compared(new, FIGURES)] == ["no clear change", "slower"]
    assert main(["compare", str(old_path), str(new_path)]) == 0
    assert "faster" in capsys.readouterr().out
    old_path.write_text("{}")
    with pytest.raises(SystemExit) as refused:
        main(["compare", str(old_path), str(new_path)])
    assert str(refused.value) == f"{old_path}: is no JSON of a benchmark: it has no suites."


def test_the_readme_table_is_generated(tmp_path):
    readme, figures = tmp_path / "README.md", tmp_path / "f.json"
    readme.write_text(f"# x\n{headlines.BEGIN}\nold\n{headlines.END}\ny\n")
    results.save(figures, FIGURES)
    assert main(["readme", str(figures), "--readme", str(readme)]) == 0
    assert readme.read_text().splitlines()[2:] == [
        "| work | tf_loadops | beside it | its time | tf_loadops' share of it |",
        "|---|---|---|---|---|",
        # 0.3 / 0.4, 0.25 / 0.5 and 0.2 / 0.6 are the shares of the three rounds.
        "| CSV, 10 columns of floats, 1 MB, to a standardized tensor | 250 ms | pandas | 500 ms | 0.50 (0.33-0.75) |",
        "",
        "2026-01-02 03:04 UTC, commit unknown; Z80 <fast>, 1 cores; TensorFlow 2.21.0; size small, 7 rounds.",
        headlines.END,
        "y",
    ]
    readme.write_text("no marks")
    with pytest.raises(SystemExit, match="has no marks"):
        main(["readme", str(figures), "--readme", str(readme)])


def test_headlines_name_cases_that_there_are():
    """A title that was changed in a suite would leave the README's table without its line."""
    titles = [
        "CSV, numeric10, 100 MB", "Parquet, reals, none, 1000000 x 10", "SQLite, table of reals, 1000000 x 10",
        "SQLite, lookup of 1000 keys", "statistics of a CSV file of 1000 MB",
        "file to a model trained for one epoch, CSV of 1000000 x 10", "file to predictions, CSV of 1000000 x 10",
        "one request of 100 rows to a loaded model, 300 calls",
    ]  # fmt: skip
    row = {"median": 1.0, "values": [1.0]}
    for headline, title in zip(headlines.HEADLINES, titles, strict=True):
        report = {name: row for name in (headline.ours, *headline.peers)}
        table = headlines.markdown({**FIGURES, "suites": {"any": {title: report}}}, [headline])
        assert table.count("\n| ") == len(headline.peers)


def test_unknown_suites_are_refused(capsys):
    assert main(["run", "xml"]) == 2
    assert capsys.readouterr().err == f"Error: there is no suite xml. There are {', '.join(SUITES)}.\n"


def test_list(capsys):
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SUITES)


def test_the_readme_has_the_marks():
    text = (pathlib.Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    assert text.index(headlines.BEGIN) < text.index(headlines.END)


def test_a_suite_that_cannot_run_is_named_and_the_others_run(tmp_path, monkeypatch, capsys):
    one = Case("work", {"tf_loadops": lambda: 1}, "tf_loadops", lambda name, result: None, size=10**9)

    def some(suite, plan):
        if suite == "csv":
            raise SkippedError("there is no disk.")
        yield one

    monkeypatch.setattr("benchmarks.__main__.cases", some)
    output = tmp_path / "f.json"
    assert main(["run", "csv", "sqlite", "--peers", "pandas,pola", "-o", str(output)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "csv skipped: there is no disk." in out
    assert {f"No candidate of these suites is called {peer}." for peer in ("pandas", "pola")} <= set(out)
    figures = results.load(output)
    assert figures["suites"]["csv"] == {"not run": {"all": {"skipped": "there is no disk."}}}
    assert figures["suites"]["sqlite"]["work"]["tf_loadops"]["gigabytes_per_second"] > 0
    assert "skipped: there is no disk." in output.with_suffix(".html").read_text()


def test_what_is_missing_for_a_suite_is_named(monkeypatch):
    monkeypatch.setitem(SUITES, "csv", "no_such_module")
    with pytest.raises(SkippedError, match=r"^needs the package benchmarks.no_such_module, which is not installed.$"):
        next(cases("csv", Plan()))


def test_refusals_lose_tensorflows_trace():
    text = "Graph execution error:\n\nStringToNumberOp could not correctly convert string: a.db: no.\n\t [[op]]"
    assert timing.reason(RuntimeError(text)) == "refused: a.db: no."
    assert timing.reason(ValueError("a\nb")) == "ValueError: a"
