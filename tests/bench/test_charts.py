"""The pictures are well-formed, show what they are given, and draw it to scale"""

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.bench import chart, plots

SVG = "{http://www.w3.org/2000/svg}"
MACHINE = {
    "cpu": "A <CPU>", "cores": 2, "kernel": "Linux", "memory_gb": 4, "disk": "ext4", "python": "3",
    "load_before": 0,
}  # fmt: skip


def value(ratio: "float | None", **more: Any) -> dict[str, Any]:
    return {
        "title": f"work & {ratio}", "unit": "messages/s", "ours": 10, "peer": 20, "against": "Postfix",
        "ratio": ratio, "reached": bool(ratio and ratio >= 1), "target": 1, "memory": False, "original": None,
    } | more  # fmt: skip


def comparison(*values: dict[str, Any]) -> ET.Element:
    everything = {"works": values, "systems": {"pymail": {"version": "1"}}, "interleaved_runs": 3}
    return ET.fromstring(chart.comparison(everything | {"machine": MACHINE}))


def widths(picture: ET.Element, kind: str) -> list[float]:
    return [float(bar.get("width", "")) for bar in picture.iter(f"{SVG}rect") if bar.get("class") == kind]


def words(picture: ET.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def test_bars_are_to_scale_and_tell_whether_the_target_is_reached() -> None:
    picture = comparison(value(0.5), value(1.0))
    (short, _), (reached, _) = widths(picture, "short"), widths(picture, "ours")  # the last is the legend's
    assert reached == pytest.approx(2 * short, abs=0.2)
    assert {"0.50", "1.00", "work & 0.5"} <= set(words(picture))


def test_what_has_no_peer_is_left_out() -> None:
    assert "work & None" not in words(comparison(value(None), value(1.0)))


def test_a_very_large_ratio_stays_in_the_picture() -> None:
    picture = comparison(value(40.0))
    assert widths(picture, "ours")[0] == widths(picture, "track")[0]


def test_the_originals_range_is_drawn_where_it_is_known() -> None:
    plain, known = comparison(value(1.0)), comparison(value(1.0, original=(10, 15)))
    count = [sum(line.get("class") == "range" for line in p.iter(f"{SVG}line")) for p in (plain, known)]
    assert count == [1, 2]  # one is the legend's


def test_long_notes_are_broken_at_commas() -> None:
    assert chart.wrapped("one, two, three", 8) == ["one, two", "three"]


@pytest.mark.parametrize("largest", [0.003, 0.9, 1, 7, 12, 99.9, 100, 101, 25_000])
def test_ticks_are_few_and_reach_the_largest_value(largest: float) -> None:
    found = plots.ticks(largest)
    assert found[0] == 0
    assert found[-1] >= largest * 0.999
    assert found[-2] < largest
    assert 3 <= len(found) <= 5


def test_ticks_of_nothing() -> None:
    assert plots.ticks(0)[-1] > 0


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, "0.5"), (20, "20"), (1000, "1k"), (100_000, "100k"), (4e6, "4M")]
)
def test_brief(value: float, shown: str) -> None:
    assert plots.brief(value) == shown


def panel(*series: list[list[float]]) -> dict[str, Any]:
    named = dict(zip(("pymail", "Postfix"), series, strict=False))
    return {"title": "Cost", "unit": "ms", "axis": "messages", "series": named}


def test_the_plot_is_logarithmic_across_and_linear_up() -> None:
    plot = plots.Plot(panel([[1, 0.0], [10, 50.0], [100, 100.0]]), 0, 0)
    places = [plot.place(at, height) for at, height in ((1, 0), (10, 50), (100, 100))]
    (x1, y1), (x2, y2), (x3, y3) = places
    assert (x2 - x1, y2 - y1) == pytest.approx((x3 - x2, y3 - y2))
    assert x1 < x2
    assert y1 > y2


def test_growth_draws_a_line_for_each_series_and_a_place_for_each_panel() -> None:
    panels = [panel([[1, 1.0], [2, 3.0]], [[1, 2.0], [2, 2.0]]), panel([[1, 1.0]])]
    everything = {"panels": panels, "machine": MACHINE, "interleaved_runs": 3}
    picture = ET.fromstring(plots.growth(everything))
    assert words(picture).count("Cost") == 2
    assert len(list(picture.iter(f"{SVG}polyline"))) == 2 + 3  # the legend's two
    assert float(picture.get("height", "0")) < plots.TOP + 2 * plots.HEIGHT
