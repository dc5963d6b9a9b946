#!/usr/bin/env python3
"""The load test: ringx beside nginx and HAProxy, on one machine, row by row.

    loadtest/run.py                         everything, about an hour; results in loadtest/results/DATE-NAME/
    loadtest/run.py --rows 'proxied-*'      some rows
    loadtest/run.py --check                 everything, then the gate: exit status 1 names what falls short
    loadtest/run.py --check DIR             the gate over results that are there
    loadtest/run.py --quick                 whether it works at all, a few minutes; no figures

docs/benchmarks.md says what the rows are. Python's standard library only.
"""

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import charts
import contenders
import pgo
import processes
import reach
import report
import rounds
import rows
import summary
import tools
import website

RESULTS = Path(__file__).resolve().parent / "results"
EXIT_SHORT, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def main():
    options = _options()
    try:
        chosen = rows.chosen(options.rows)
    except ValueError as error:
        return _fail(error)
    if options.list:
        return _list(chosen)
    if isinstance(options.check, str):
        return _check_folder(options.check, options.rows and [row.name for row in chosen])
    try:
        found = tools.find(options.binary, ringx=not options.pgo)
        if options.pgo:
            found["ringx"] = pgo.build(found)
    except tools.Missing as error:
        return _fail(error)
    try:
        result = _measure_all(chosen, found, options)
    except KeyboardInterrupt:
        _say("\ninterrupted: what was started has been ended; the rows that were whole are written")
        return EXIT_INTERRUPTED
    except processes.StartError as error:
        return _fail(error)
    if options.check:
        return _check(result, options.rows and [row.name for row in chosen])
    return 0


def _options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", metavar="NAME,...", help="only these rows; globs work")
    parser.add_argument("--contenders", metavar="NAME,...", default="", help="only these of ringx, nginx, haproxy, floor")
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds per row (5)")
    parser.add_argument("--seconds", type=_positive, default=3, help="seconds per run (3)")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument("--check", nargs="?", const=True, metavar="DIR", help="hold the summary to its figures")
    parser.add_argument("--list", action="store_true", help="the rows and their figures")
    parser.add_argument("--binary", metavar="PATH", help="this ringx instead of building one")
    parser.add_argument("--pgo", action="store_true", help="a ringx built with profile-guided optimisation (pgo.py)")
    parser.add_argument("--contender-cores", type=_cores, default={0}, metavar="SET", help="0, 0-1, 0,2 (0)")
    parser.add_argument("--load-cores", type=_cores, default={1}, metavar="SET", help="of generator and origin (1)")
    parser.add_argument("--name", default=tools.default_name(), help="where it was measured, for the folder's name")
    parser.add_argument("--output", metavar="DIR", type=Path, help="instead of loadtest/results/DATE-NAME")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 1
    missing = (options.contender_cores | options.load_cores) - os.sched_getaffinity(0)
    if missing and not options.list and not isinstance(options.check, str):
        parser.error(f"this process may not run on core {', '.join(map(str, sorted(missing)))}")
    return options


def _measure_all(chosen, found, options):
    """Runs the rows; writes the results after each of them, so that an interruption loses only the row it met."""
    # SIGINT too: a shell that starts us in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    files = processes.raise_file_limit()
    if files < website.MAX_CONNECTIONS:
        _say(f"only {files} open files allowed: the rows with 10,000 connections may be refused (ulimit -Hn)")
    processes.pin(options.load_cores)
    now = datetime.datetime.now()
    folder = options.output or RESULTS / f"{now:%Y-%m-%d}-{options.name}"
    result = _describe(now, found, options)
    with tempfile.TemporaryDirectory(prefix="ringx-loadtest-") as place:
        site = website.Site(place)
        site.write()
        results = _Results(folder, site)
        stage = contenders.Stage(site, found, options.contender_cores, options.load_cores)
        try:
            stage.start_origin()
            runner = rounds.Rounds(
                stage, options.rounds, options.seconds, _allowed(options.contenders), results.record, results.note, _say
            )
            for number, row in enumerate(chosen, 1):
                _say(f"[{number}/{len(chosen)}] {row.name}: {row.title}")
                result["rows"][row.name] = _measure_row(row, runner, results)
                results.write(result)
        finally:
            stage.close()
            results.close()
    _say(f"results: {folder}")
    return result


def _measure_row(row, runner, results):
    started, first = time.monotonic(), len(results.runs)
    try:
        facts = runner.run(row)
    except rounds.RowRefused as error:
        _say(f"  REFUSED: {error}")
        return summary.refused(row, str(error))
    found = summary.summarise(row, results.runs[first:], facts["dropped"], facts["rate"])
    for pair, metrics in found["ratios"].items():
        shown = [f"{reach.TEXT[name]} {metrics[name]['median']:.2f}" for name in reach.TEXT if name in metrics]
        _say(f"  = {pair}: {', '.join(shown)}")
    _say(f"  {time.monotonic() - started:.0f} s")
    return found


def _describe(now, found, options):
    return {
        "date": f"{now:%Y-%m-%d}",
        "name": options.name,
        "machine": tools.machine(),
        "versions": tools.versions(found),
        "commit": tools.commit(),
        "build": _build(options),
        "cores": {"contender": _shown(options.contender_cores), "load": _shown(options.load_cores)},
        "rounds": options.rounds,
        "seconds": options.seconds,
        "quick": options.quick,
        "rows": {},
    }


def _build(options):
    if options.binary:
        return "a given binary"
    return "release, profile-guided (loadtest/pgo.py)" if options.pgo else "release"


def _allowed(names):
    """Which subjects take part: those of the named contenders, and always the one that is the measure."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}

    def allowed(_program, name, row):
        kind = name.split("-")[0].split("+")[0]
        return not wanted or kind in wanted or name == row.subjects[0]

    return allowed


class _Results:
    """A folder of results: runs.jsonl, generators.txt, configurations, summary.json, summary.md and charts."""

    def __init__(self, folder, site):
        self.runs = []
        self._folder = folder
        (folder / "configurations").mkdir(parents=True, exist_ok=True)
        for name, text in site.configurations().items():
            place = folder / "configurations" / name.replace("/", "-")
            place.write_text(text.replace(str(site.folder), "/SITE"))
        self._runs_file = open(folder / "runs.jsonl", "w")
        self._notes_file = open(folder / "generators.txt", "w")

    def record(self, run):
        self.runs.append(run)
        self._runs_file.write(json.dumps(run, separators=(",", ":")) + "\n")

    def note(self, line):
        self._notes_file.write(line + "\n")

    def write(self, result):
        self._runs_file.flush()
        self._notes_file.flush()
        (self._folder / "summary.json").write_text(_json(result))
        (self._folder / "summary.md").write_text(report.markdown(result))
        for name, svg in charts.all_charts(result).items():
            (self._folder / name).write_text(svg)

    def close(self):
        self._runs_file.close()
        self._notes_file.close()


def _json(result):
    """One line per row: small, and a change of one row is a change of one line."""
    head = {key: value for key, value in result.items() if key != "rows"}
    lines = [f"{json.dumps(name)}:{json.dumps(row, separators=(',', ':'))}" for name, row in result["rows"].items()]
    return json.dumps(head)[:-1] + ', "rows": {\n' + ",\n".join(lines) + "\n}}\n"


def _list(chosen):
    for row in chosen:
        print(f"{row.name:22} {row.title}")
        for figure in reach.figures_of(row.name):
            aim = f" (aim {figure.aim:g})" if figure.aim else ""
            print(f"{'':24}{reach.TEXT[figure.metric]} of {figure.who} to {figure.base}: {figure.wanted()}{aim}")
    return 0


def _check_folder(text, names):
    for folder in (Path(text), RESULTS.parent / text, RESULTS / text):
        if (folder / "summary.json").is_file():
            return _check(json.loads((folder / "summary.json").read_text()), names)
    return _fail(f"{text} has no summary.json")


def _check(result, names):
    lines = reach.shortfalls(result, names or None)
    for line in lines:
        print(line)
    print(f"{len(lines)} fall short" if lines else "every row reaches its figures")
    return EXIT_SHORT if lines else 0


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _cores(text):
    """`0`, `0-2`, `0,3`."""
    cores = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        cores |= set(range(int(first), int(last or first) + 1))
    return cores


def _shown(cores):
    return ",".join(map(str, sorted(cores)))


def _say(text):
    print(text, file=sys.stderr, flush=True)


def _fail(error):
    _say(f"loadtest: {error}")
    return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
