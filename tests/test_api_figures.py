"""The figures of a run as Prometheus reads them."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.api import Run, ask, status_of


def test_the_figures_are_as_prometheus_reads_them():
    """Its own parser understands them."""
    _, headers, body = ask("GET", "/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(body.decode()))
    found = {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}
    assert all(family.name.startswith("vivant_") for family in families)
    assert found["vivant_age_seconds", "0.95"] == 0.028
    assert found["vivant_frames_total", "track"] == 3
    assert found["vivant_frames_dropped_total", "track: newer"] == 3
    assert found["vivant_frames_held_total",] == 5
    assert found["vivant_input_frames_per_second",] == 30
    assert found["vivant_output_frames_per_second",] == 29.5
    assert found["vivant_presence", "tracked"] == 1
    assert found["vivant_presence", "card"] == found["vivant_recording",] == 0
    assert found["vivant_quality_level",] == 0
    assert found["vivant_uptime_seconds",] == 12.5
    assert found["vivant_run_info", 'C920 "HD"', "ada", "none"] == 1


def test_the_figures_before_the_first_picture():
    """No age is made up."""
    _, _, body = ask("GET", "/metrics", run=Run(lambda desk: status_of(desk, None)))
    assert b"quantile" not in body
    assert b"vivant_age_seconds_count 370.0" in body


def test_two_runs_in_one_process_share_nothing():
    """Each has figures of its own."""

    async def main():
        first, second = Run(), Run()
        async with first.opened(), second.opened():
            await first.ask("POST", "/v1/commands/panic")
            return [(await run.ask("GET", "/metrics"))[2] for run in (first, second)]

    first, second = asyncio.run(main())
    assert b"vivant_panic 1.0" in first
    assert b"vivant_panic 0.0" in second
