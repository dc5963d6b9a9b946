"""Holds the arithmetic of the load test: clocks, what generators print, ratios, the gate, pages and charts.

`python3 -m unittest discover -s loadtest`; `cargo test --test loadtest` runs it too. Starts no server and no generator.
"""

import json
import unittest
import xml.etree.ElementTree as ElementTree

import charts
import contenders
import generators
import measure
import reach
import report
import rows
import summary
import website

ROW = next(row for row in rows.ROWS if row.name == "proxied-41b-c64")


def run(subject, number, cpu, rps, kind="round", load="closed", **more):
    return {"kind": kind, "round": number, "subject": subject, "load": load, "cpu": cpu, "rps": rps, **more}


class Clocks(unittest.TestCase):
    def clock(self, *looks):
        looks = iter(looks)
        return measure.CpuClock([7], read=lambda _pid: next(looks))

    def test_adds_over_threads_and_counts_only_what_came_since(self):
        self.assertEqual(self.clock({1: 100, 2: 50}, {1: 130, 2: 55}).observe(), 35)

    def test_a_thread_that_ended_keeps_what_was_seen_of_it(self):
        clock = self.clock({1: 100, 2: 5000}, {1: 110, 2: 5040}, {1: 120})
        self.assertEqual([clock.observe(), clock.observe()], [50, 60])

    def test_a_thread_that_ended_unseen_does_not_make_it_negative(self):
        self.assertEqual(self.clock({1: 100, 2: 900_000}, {1: 101}).observe(), 1)

    def test_a_new_thread_counts_from_its_start_also_under_an_old_number(self):
        self.assertEqual(self.clock({1: 100, 2: 5000}, {1: 100, 2: 30, 3: 7}).observe(), 37)

    def test_a_process_that_ended_adds_nothing(self):
        self.assertEqual(self.clock({1: 100}, {}).observe(), 0)

    def test_reads_this_process(self):
        self.assertGreater(sum(measure.threads("self").values()), 0)
        self.assertEqual(measure.threads(2**30), {})

    def test_the_machine_counts_steal_apart(self):
        ticks = measure.TICKS
        before = measure.machine(f"cpu {ticks} 0 {ticks} {8 * ticks} 0 0 0 0 0 0\ncpu0 1\n")
        after = measure.machine(f"cpu {2 * ticks} 0 {2 * ticks} {15 * ticks} {ticks} 0 0 {2 * ticks} 0 0\ncpu0 1\n")
        span = after.since(before)
        self.assertEqual((span.busy, span.idle, span.stolen), (2, 8, 2))
        self.assertAlmostEqual(span.steal_percent(), 100 * 2 / 12)


class Generators(unittest.TestCase):
    def wrk(self, **changed):
        report = {"requests": 1000, "bytes": 300_000, "duration_us": 2_000_000, "connect": 0, "read": 0, "write": 0}
        report |= {"timeout": 0, "status": 0, "p50": 100, "p90": 200, "p99": 300, "p999": 400} | changed
        return "Running 2s test\nreport " + json.dumps(report) + "\n"

    def test_wrk(self):
        load = generators.read_wrk(self.wrk(), 41, 64)
        self.assertEqual((load.requests, load.rps, load.latency["p999"]), (1000, 500, 400))

    def test_wrk_with_errors_or_missing_bytes_is_refused(self):
        for changed in ({"status": 1}, {"read": 2}, {"timeout": 1}, {"connect": 1}, {"requests": 0}):
            with self.subTest(changed), self.assertRaises(generators.GeneratorError):
                generators.read_wrk(self.wrk(**changed), 41, 64)
        for length in (301, 1_000_000):
            with self.subTest(length), self.assertRaises(generators.GeneratorError):
                generators.read_wrk(self.wrk(), length, 64)
        with self.assertRaises(generators.GeneratorError):
            generators.read_wrk(self.wrk(bytes=30_000_000), 41, 64)
        with self.assertRaises(generators.GeneratorError):
            generators.read_wrk("unable to connect", 41, 64)

    def oha(self, statuses, errors):
        percentiles = {"p50": 0.0001, "p90": 0.0002, "p99": 0.0003, "p99.9": 0.0004, "p99.99": 0.0005}
        return "warning\n" + json.dumps(
            {
                "summary": {"total": 2.0, "totalData": 41_000},
                "latencyPercentiles": percentiles,
                "statusCodeDistribution": statuses,
                "errorDistribution": errors,
            }
        )

    def test_oha(self):
        load = generators.read_oha(self.oha({"200": 1000}, {"aborted due to deadline": 3}))
        self.assertEqual((load.requests, load.rps), (1000, 500))
        self.assertAlmostEqual(load.latency["p999"], 400)

    def test_oha_with_errors_is_refused(self):
        for statuses, errors in (({"200": 9, "502": 1}, {}), ({"200": 9}, {"connection closed": 1}), ({}, {})):
            with self.subTest(statuses), self.assertRaises(generators.GeneratorError):
                generators.read_oha(self.oha(statuses, errors))

    def h2load(self, requests="1000 total, 1320 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout"):
        return f"""starting benchmark...
finished in 2.00s, 500.00 req/s, 49.16KB/s
requests: {requests}
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 1.13MB (1184000) total, 117.19KB (120000) headers (space savings 38.86%), 1000.00KB (1024000) data
time for request:      384us     19.68ms      5.76ms      3.09ms    68.76%
"""

    def test_h2load_counts_whole_responses(self):
        load = generators.read_h2load(self.h2load(), 1024)
        self.assertEqual((load.requests, load.rps, load.bytes, load.latency), (1000, 500, 1_184_000, {}))

    def test_h2load_with_errors_or_missing_bytes_is_refused(self):
        for counts in ((999, 999, 1, 0, 0), (1000, 999, 0, 0, 0), (1000, 1000, 0, 1, 0), (1000, 1000, 0, 0, 1), (0, 0, 0, 0, 0)):
            done, succeeded, failed, errored, timeout = counts
            text = f"1000 total, 1320 started, {done} done, {succeeded} succeeded, {failed} failed, {errored} errored, {timeout} timeout"
            with self.subTest(counts), self.assertRaises(generators.GeneratorError):
                generators.read_h2load(self.h2load(text), 1024)
        with self.assertRaises(generators.GeneratorError):
            generators.read_h2load(self.h2load(), 1025)
        with self.assertRaises(generators.GeneratorError):
            generators.read_h2load("Could not resolve host", 1024)

    def test_handshakes(self):
        said = {"requests": 800, "seconds": 2.0, "bytes": 900, "p50": 1, "p90": 2, "p99": 3, "p999": 4}
        load = generators.read_handshakes(json.dumps(said))
        self.assertEqual((load.requests, load.rps, load.latency["p999"]), (800, 400, 4))
        with self.assertRaises(generators.GeneratorError):
            generators.read_handshakes(json.dumps(said | {"requests": 0}))


class Ratios(unittest.TestCase):
    def test_pairs_are_of_one_round(self):
        # Both twice as slow in the second round: the ratio stays.
        runs = [
            run("nginx", 0, 20, 1000),
            run("ringx", 0, 10, 1500),
            run("ringx", 1, 22, 700),
            run("nginx", 1, 40, 500),
            run("nginx", 2, 20, 1000),
            run("ringx", 2, 12, 1200),
        ]
        found = summary.summarise(ROW, runs)
        self.assertEqual(found["ratios"]["ringx/nginx"]["closed.cpu"], {"median": 0.55, "min": 0.5, "max": 0.6, "n": 3})
        self.assertEqual(found["ratios"]["ringx/nginx"]["closed.rps"]["median"], 1.4)
        self.assertEqual(found["subjects"]["nginx"]["closed.rps"]["min"], 500)
        self.assertNotIn("haproxy/nginx", found["ratios"])

    def test_loads_are_kept_apart(self):
        runs = [
            run("nginx", 0, 20, 1000),
            run("nginx", 0, 30, 500, load="open", p50=100),
            run("ringx", 0, 10, 1000),
            run("ringx", 0, 27, 500, load="open", p50=80),
        ]
        ratios = summary.summarise(ROW, runs)["ratios"]["ringx/nginx"]
        self.assertEqual((ratios["closed.cpu"]["median"], ratios["open.cpu"]["median"]), (0.5, 0.9))
        self.assertEqual(ratios["open.p50"]["median"], 0.8)
        self.assertNotIn("closed.p50", ratios)

    def test_a_rate_that_was_not_sent_gives_no_ratio(self):
        runs = [
            run("nginx", 0, 20, 500, load="open", short=False),
            run("ringx", 0, 10, 400, load="open", short=True),
        ]
        found = summary.summarise(ROW, runs)
        self.assertEqual((found["ratios"], found["short"]), ({}, 1))

    def test_noise_is_apart_from_the_rounds(self):
        runs = [
            run("nginx", 0, 20, 1000),
            run("ringx", 0, 10, 1000),
            run("nginx", 0, 20, 1000, kind="noise"),
            run("nginx", 1, 21, 990, kind="noise"),
        ]
        found = summary.summarise(ROW, runs)
        self.assertEqual(found["noise"], {"closed.cpu": 1.05, "closed.rps": 0.99})
        self.assertEqual(found["subjects"]["nginx"]["closed.cpu"]["n"], 1)

    def test_nothing_is_divided_by_nothing(self):
        runs = [run("nginx", 0, 0, 1000), run("ringx", 0, 10, 1000)]
        self.assertNotIn("closed.cpu", summary.summarise(ROW, runs)["ratios"]["ringx/nginx"])
        self.assertIsNone(summary.spread([]))


def perfect():
    """A summary in which every figure is exactly as far as it must be."""
    found = {}
    for figure in reach.FIGURES:
        row = found.setdefault(figure.row, {"title": figure.row, "subjects": {}, "ratios": {}, "noise": {}})
        value = figure.limit + {"most": 0, "least": 0, "below": -0.01, "above": 0.01}[figure.bound]
        spread = {"median": value, "min": value - 0.1, "max": value + 0.1, "n": 5}
        row["ratios"].setdefault(f"{figure.who}/{figure.base}", {})[figure.metric] = spread
    return {"quick": False, "rows": found}


class Gate(unittest.TestCase):
    def test_holds_when_all_hold(self):
        self.assertEqual(reach.shortfalls(perfect()), [])

    def test_names_each_row_that_falls_short(self):
        for figure in reach.FIGURES:
            result = perfect()
            spread = result["rows"][figure.row]["ratios"][f"{figure.who}/{figure.base}"][figure.metric]
            worse = 0.02 if figure.bound in ("most", "below") else -0.02
            spread["median"] += worse
            lines = reach.shortfalls(result)
            self.assertEqual(len(lines), 1, figure)
            self.assertIn(figure.row, lines[0])
            self.assertIn(reach.TEXT[figure.metric], lines[0])

    def test_judges_the_median_and_nothing_else(self):
        result = perfect()
        for row in result["rows"].values():
            for metrics in row["ratios"].values():
                for spread in metrics.values():
                    spread["min"], spread["max"] = 0.0, 99.0
        self.assertEqual(reach.shortfalls(result), [])

    def test_what_is_missing_or_refused_falls_short(self):
        result = perfect()
        del result["rows"]["idle-10k"]
        result["rows"]["upload-1m-c16"] = {"refused": "ringx: status 502\nmore", "ratios": {}}
        result["rows"]["proxied-41b-c1"]["ratios"].clear()
        lines = reach.shortfalls(result)
        self.assertEqual(len([line for line in lines if "not measured" in line]), 1)
        self.assertEqual(len([line for line in lines if "refused: ringx: status 502" in line]), 2)
        self.assertEqual(len([line for line in lines if "no figure" in line]), 4)
        self.assertEqual(reach.shortfalls(result, ["static-1k-c8"]), [])

    def test_a_quick_run_passes_no_gate(self):
        self.assertEqual(len(reach.shortfalls(perfect() | {"quick": True})), 1)

    def test_every_figure_is_one_that_its_row_measures(self):
        by_name = {row.name: row for row in rows.ROWS}
        self.assertEqual(set(by_name), {figure.row for figure in reach.FIGURES})
        for figure in reach.FIGURES:
            row = by_name[figure.row]
            self.assertIn((figure.who, figure.base), row.pairs, figure)
            self.assertTrue(getattr(row, figure.metric.split(".")[0]), figure)


class Rows(unittest.TestCase):
    def test_globs_choose(self):
        self.assertEqual([row.name for row in rows.chosen("idle-10k, upload*")], ["upload-1m-c16", "idle-10k"])
        self.assertEqual(len(rows.chosen(None)), len(rows.ROWS))
        with self.assertRaises(ValueError):
            rows.chosen("idle-10k,nothing")

    def test_names_are_one_each_and_subjects_are_paired(self):
        self.assertEqual(len({row.name for row in rows.ROWS}), len(rows.ROWS))
        for row in rows.ROWS:
            for pair in row.pairs:
                self.assertLessEqual(set(pair), set(row.subjects), row.name)


class Pages(unittest.TestCase):
    def result(self):
        runs = [run("nginx", 0, 20, 1000, machine=40), run("ringx", 0, 19, 1500, machine=30)]
        runs += [run("nginx", n, 20, 1000, kind="noise") for n in range(2)]
        fixed = next(row for row in rows.ROWS if row.name == "fixed-rate-41b-c64")
        latency = {"p50": 100, "p90": 150, "p99": 900, "p999": 3000, "load": "open"}
        runs_fixed = [run("nginx", 0, 20, 500, **latency), run("ringx", 0, 20, 500, **latency)]
        return {
            "date": "2026-01-01",
            "machine": {"cpu": "a <CPU>", "cores": 2, "memory_gib": 4, "kernel": "6.1.0", "architecture": "x86_64"},
            "versions": {"ringx": "1.0"},
            "commit": "abc",
            "cores": {"contender": "0", "load": "1"},
            "rounds": 1,
            "seconds": 3,
            "rows": {
                ROW.name: summary.summarise(ROW, runs),
                fixed.name: summary.summarise(fixed, runs_fixed),
                "idle-10k": summary.refused(rows.chosen("idle-10k")[0], "too few open files"),
            },
        }

    def test_the_page_marks_what_is_missed(self):
        page = report.markdown(self.result())
        self.assertIn("**0.95 [0.95 .. 0.95]**", page)
        self.assertIn("| 1.50 [1.50 .. 1.50] |", page)
        self.assertIn("idle-10k: too few open files", page)

    def test_charts_are_svg(self):
        drawn = charts.all_charts(self.result())
        self.assertEqual(set(drawn), {"cpu.svg", "throughput.svg", "latency.svg"})
        for text in drawn.values():
            self.assertTrue(ElementTree.fromstring(text).tag.endswith("svg"))
            self.assertNotIn("nan", text)

    def test_without_rows_there_are_no_charts(self):
        self.assertEqual(charts.all_charts(self.result() | {"rows": {}}), {})


class Configurations(unittest.TestCase):
    def test_ringx_and_nginx_read_the_same_files(self):
        for name, subject in contenders.SUBJECTS.items():
            if subject.program == "ringx":
                twin = contenders.SUBJECTS[name.replace("ringx", "nginx", 1)]
                self.assertEqual(twin.config, subject.config)

    def test_the_tuned_file_is_tuned(self):
        site = website.Site("/nowhere")
        text = site._tuned("127.0.0.1:1", "access_log off;")
        wanted = ("sendfile on;", "tcp_nopush on;", "open_file_cache max=1000;", "keepalive 256;", "access_log off;")
        for directive in (*wanted, "worker_processes 1;"):
            self.assertIn(directive, text)


if __name__ == "__main__":
    unittest.main()
