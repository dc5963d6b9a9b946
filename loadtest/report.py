"""The summary as a Markdown page. Pure: a summary in, text out. Called by run.py."""

from reach import figures_of

# Columns of the first table: heading, metric.
RATIOS = (
    ("CPU", "closed.cpu"),
    ("throughput", "closed.rps"),
    ("p50", "closed.p50"),
    ("CPU, equal rate", "open.cpu"),
    ("p50, equal rate", "open.p50"),
    ("p99, equal rate", "open.p99"),
    ("p99.9, equal rate", "open.p999"),
    ("memory", "memory.memory"),
)
ABSOLUTE = (
    ("CPU us", "closed.cpu"),
    ("machine CPU us", "closed.machine"),
    ("requests/s", "closed.rps"),
    ("core busy", "closed.busy"),
    ("CPU us, equal rate", "open.cpu"),
    ("machine CPU us, equal rate", "open.machine"),
    ("p50 us", "open.p50"),
    ("p90 us", "open.p90"),
    ("p99 us", "open.p99"),
    ("p99.9 us", "open.p999"),
)
NOISE = (("CPU", "closed.cpu"), ("throughput", "closed.rps"), ("CPU, equal rate", "open.cpu"), ("p50", "open.p50"), ("p99", "open.p99"), ("p99.9", "open.p999"))


def markdown(summary):
    parts = [_head(summary)]
    rows = summary["rows"]
    parts.append("## ringx\n\nRatios: median [least .. most] over the pairs of runs. **Bold**: the figure that must be\nreached is missed.\n")
    parts.append(_ratio_table(rows, lambda who, base: who.startswith("ringx") and not base.startswith("haproxy"), True))
    parts.append("## Against HAProxy\n")
    parts.append(_ratio_table(rows, lambda who, base: base.startswith("haproxy"), True))
    parts.append(
        "## HAProxy, the floor and nginx beside them\n\nThe floor is HAProxy in `mode tcp`: it relays the same bytes and understands none of them.\n"
    )
    parts.append(_ratio_table(rows, lambda who, base: not who.startswith("ringx"), False))
    parts.append("## Absolute values\n\nMedians.\n")
    parts.append(_absolute_table(rows))
    parts.append("## Noise\n\nThe second to the first of two runs of the same program, one after the other.\n")
    parts.append(_noise_table(rows))
    refused = [f"* {name}: {row['refused'].splitlines()[0]}" for name, row in rows.items() if row.get("refused")]
    if refused:
        parts.append("## Refused rows\n\n" + "\n".join(refused) + "\n")
    return "\n".join(parts)


def _head(summary):
    machine, versions = summary["machine"], summary["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    dropped = sum(row.get("dropped", 0) for row in summary["rows"].values())
    lines = [
        f"# Load test, {summary['date']}",
        "",
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, Linux {machine['kernel']}, "
        f"{machine['architecture']}. {named}; commit {summary['commit'] or 'unknown'}, {summary.get('build', 'release')}.",
        f"Contender on core {summary['cores']['contender']}, generator and origin on core {summary['cores']['load']}. "
        f"{summary['rounds']} rounds of {summary['seconds']} s, alternating; {dropped} dropped for stolen time.",
    ]
    if summary.get("quick"):
        lines.append("\n**A `--quick` run: it shows that the load test works and has no figures.**")
    return "\n".join(lines) + "\n"


def _ratio_table(rows, wanted, judged):
    columns = [column for column in RATIOS if _any_has(rows, wanted, column[1])]
    lines = [_line(["row", "ratio", *(heading for heading, _ in columns)]), _line(["---"] * (len(columns) + 2))]
    for name, row in rows.items():
        for pair, metrics in row["ratios"].items():
            who, base = pair.split("/")
            if wanted(who, base):
                cells = [_spread(name, pair, metric, metrics.get(metric), judged) for _, metric in columns]
                lines.append(_line([row["title"], f"{who} / {base}", *cells]))
    return "\n".join(lines) + "\n"


def _any_has(rows, wanted, metric):
    return any(
        metric in metrics
        for row in rows.values()
        for pair, metrics in row["ratios"].items()
        if wanted(*pair.split("/"))
    )


def _spread(row, pair, metric, spread, judged):
    if spread is None:
        return ""
    text = f"{spread['median']:.2f} [{spread['min']:.2f} .. {spread['max']:.2f}]"
    missed = any(
        f"{figure.who}/{figure.base}" == pair and figure.metric == metric and not figure.holds(spread["median"])
        for figure in figures_of(row)
    )
    return f"**{text}**" if judged and missed else text


def _absolute_table(rows):
    lines = [_line(["row", "program", *(heading for heading, _ in ABSOLUTE)]), _line(["---"] * (len(ABSOLUTE) + 2))]
    for row in rows.values():
        for who, values in row["subjects"].items():
            cells = [_value(metric, values.get(metric)) for _, metric in ABSOLUTE]
            if any(cells):
                lines.append(_line([row["title"], who, *cells]))
    text = "\n".join(lines) + "\n"
    extra = [
        f"* {row['title']}, {who}: {_extra(values)}"
        for row in rows.values()
        for who, values in row["subjects"].items()
        if _extra(values)
    ]
    return text + ("\n" + "\n".join(extra) + "\n" if extra else "")


def _extra(values):
    said = []
    if "memory.memory" in values:
        said.append(
            f"{values['memory.memory']['median']:.0f} bytes per connection, {values['memory.resident']['median'] / 1e6:.1f} MB in all"
        )
    if "open.downloads_mb_s" in values:
        said.append(f"downloads ran at {values['open.downloads_mb_s']['median']:.0f} MB/s meanwhile")
    return "; ".join(said)


def _value(metric, spread):
    if spread is None:
        return ""
    median = spread["median"]
    if metric.endswith(".busy"):
        return f"{100 * median:.0f} %"
    return f"{median:,.0f}" if median >= 100 else f"{median:.3g}"


def _noise_table(rows):
    lines = [_line(["row", *(heading for heading, _ in NOISE)]), _line(["---"] * (len(NOISE) + 1))]
    for row in rows.values():
        if row["noise"]:
            cells = [f"{row['noise'][metric]:.2f}" if metric in row["noise"] else "" for _, metric in NOISE]
            lines.append(_line([row["title"], *cells]))
    return "\n".join(lines) + "\n"


def _line(cells):
    return "| " + " | ".join(cells) + " |"
