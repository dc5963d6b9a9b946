"""From the records of runs to ratios: per pair of runs of one round, then median, least and most over the rounds.

Pure arithmetic over what rounds.py recorded; nothing is read or started here. Called by run.py.
"""

import statistics

LOADS = {
    "closed": ("cpu", "machine", "rps", "p50", "p90", "p99", "p999", "busy"),
    "open": ("cpu", "machine", "rps", "p50", "p90", "p99", "p999", "busy", "downloads_mb_s"),
    "memory": ("memory", "resident"),
}


def spread(values):
    """Median, least, most and how many; None of nothing."""
    values = list(values)
    if not values:
        return None
    return {
        "median": _short(statistics.median(values)),
        "min": _short(min(values)),
        "max": _short(max(values)),
        "n": len(values),
    }


def summarise(row, runs, dropped=0, rate=None):
    """The summary of one row from its records (dicts with kind, round, subject, load and metrics)."""
    rounds = [run for run in runs if run["kind"] == "round"]
    return {
        "title": row.title,
        "dropped": dropped,
        "rate": rate,
        "short": sum(1 for run in rounds if run.get("short")),
        "subjects": {name: _values(rounds, name) for name in _seen(rounds)},
        "ratios": {f"{who}/{base}": found for who, base in row.pairs if (found := _ratios(rounds, who, base))},
        "noise": _noise([run for run in runs if run["kind"] == "noise"]),
    }


def refused(row, reason):
    """The summary of a row that has no figures."""
    return {"title": row.title, "refused": reason, "subjects": {}, "ratios": {}, "noise": {}}


def _seen(runs):
    return list(dict.fromkeys(run["subject"] for run in runs))


def _values(runs, name):
    found = {}
    for load, metrics in LOADS.items():
        for metric in metrics:
            values = [run[metric] for run in runs if run["subject"] == name and run["load"] == load and metric in run]
            if values:
                found[f"{load}.{metric}"] = spread(values)
    return found


def _ratios(runs, who, base):
    """Ratios within each round, so that a slow minute of the machine is in both numbers of a pair."""
    found = {}
    for load, metrics in LOADS.items():
        ours = {run["round"]: run for run in runs if run["subject"] == who and run["load"] == load}
        theirs = {run["round"]: run for run in runs if run["subject"] == base and run["load"] == load}
        pairs = [(ours[number], theirs[number]) for number in ours if number in theirs]
        # At a rate that the generator could not send, the two did not do the same work.
        pairs = [pair for pair in pairs if not pair[0].get("short") and not pair[1].get("short")]
        for metric in metrics:
            ratios = [a[metric] / b[metric] for a, b in pairs if metric in a and b.get(metric, 0) > 0]
            if ratios:
                found[f"{load}.{metric}"] = spread(ratios)
    return found


def _noise(runs):
    """The second run of the baseline to the first: what a ratio of nothing to nothing looks like."""
    found = {}
    for load, metrics in LOADS.items():
        pair = [run for run in runs if run["load"] == load]
        if len(pair) != 2:
            continue
        first, second = sorted(pair, key=lambda run: run["round"])
        for metric in metrics:
            if metric in second and first.get(metric, 0) > 0:
                found[f"{load}.{metric}"] = _short(second[metric] / first[metric])
    return found


def _short(value):
    return float(f"{value:.5g}")
