"""Tails: who pays and who waits, since when, what is different about them, and what would help."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from questions import Box, drawn, findings_chart, selection_of, tail_of, what_if_of
from shared import (
    EXPLAIN,
    ask,
    choose,
    copy_link,
    follow_address,
    label,
    lens,
    palette,
    show_head,
    show_html,
    show_note,
    switch,
)

from tracelens.api import (
    Budgets,
    Cap,
    Facets,
    Filters,
    Rules,
    Selected,
    Tail,
    TraceLens,
    rules_toml,
)
from tracelens.show.figures import (
    Bill,
    Chart,
    can_picture,
    concentration_chart,
    different_chart,
    heat_chart,
    higher_charts,
    not_drawn,
    pictures,
    print_page,
    said_of,
    trend_chart,
    what_if_chart,
)
from tracelens.show.palette import LIGHT, Palette
from tracelens.show.records import to_csv, visible
from tracelens.show.tail import headline, tail_report
from tracelens.show.web import (
    FEW,
    TOO_FEW,
    box_sentence,
    box_text,
    different_table_html,
    exemplars_html,
    groups_table_html,
    inputs_name,
    limit_of,
    link,
    method_html,
    one_page_html,
    parse_box,
    safe,
    tail_facts,
    tail_metrics_html,
    times_table_html,
    trend_table_html,
    what_if_html,
    what_if_sentence,
)
from tracelens.show.words import counted

PERIODS = {"all": "All", "30d": "30 days", "7d": "7 days", "24h": "24 hours"}
METRICS = {"cost": "Cost", "latency": "Latency", "ttfa": "First audio"}
TOPS = {"0.1": "0.1 %", "1": "1 %", "5": "5 %", "10": "10 %"}
PICKS = {"cell": "Click a cell", "box": "Drag a box"}
HEADS = {
    "cost": ("Who pays", "When it is expensive", "Share of the bill", "cost"),
    "latency": ("Who waits", "When it is slow", "Share of all time", "latency"),
    "ttfa": ("Who waits", "When it is slow", "Share of all waiting", "time to first audio"),
}
#: Of the highest requests, those that the page shows.
SHOWN = 9
#: Parameters of the address that say which requests are meant.
KEPT = ("period", "metric", "tail", "mod", "service", "model", "attrs")
#: What can be capped: the size, how, what it is called, its unit, and the caps to choose from.
CAPS: dict[str, tuple[str, str, str, str, tuple[float, ...]]] = {
    "cap_audio": ("audio_seconds", "truncate", "Cap audio length", "s", (15, 30, 60, 120, 300)),
    "cap_image": ("megapixels", "downscale", "Shrink images", "MP", (1, 2, 4, 8, 20)),
    "cap_tokens": (
        *("input_tokens", "truncate", "Cap input tokens", "tokens"),
        (1_000, 2_000, 4_000, 8_000, 16_000),
    ),
}
NO_CAP = "no cap"


@dataclass(frozen=True)
class Asked:
    """What the address asks for."""

    metric: str
    top: float
    filters: Filters
    period: str
    params: Mapping[str, Any]

    @property
    def question(self) -> tuple[str, float, Filters, str]:
        """As the functions of `questions` take it."""
        return self.metric, self.top, self.filters, self.period


def main() -> None:
    """Filters, the finding, and its proof."""
    follow_click()
    facets = ask(TraceLens.request_facets)
    if not facets.requests:
        show_head("No requests are stored.", "Load a dump on the page Ingest.")
        return
    if not facets.known:
        show_head(
            "No request has a known cost or duration.",
            "There is nothing to make a tail of: the spans that were loaded have no times.",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        asked = controls(facets)
    tail = ask(tail_of, *asked.question)
    box = parse_box(str(st.query_params.get("sel", "")))
    head, actions = st.columns([3, 1])
    with head:
        show_head(headline(tail), tail_facts(tail))
    if not tail.n:
        show_note("No request matches", "Take a filter away, or choose a longer period.")
        show_html(f'<p class="tl">{link("Clear all filters", "tails")}</p>')
        return
    if asked.filters != Filters():
        kept = {name: asked.params[name] for name in ("metric", "tail") if name in asked.params}
        show_html(f'<p class="tl">{link("Clear all filters", "tails", **kept)}</p>')
    colours = palette()
    show_html(tail_metrics_html(tail, colours))
    budgets = ask(TraceLens.tail_budgets, asked.metric)
    show_shape(tail, asked, box, budgets, colours)
    every = st.query_params.get("attrs") == "1"
    selected = ask(selection_of, asked.metric, asked.top, box, asked.filters, asked.period, every)
    show_different(tail, asked, box, selected, colours)
    show_modalities(tail, asked, budgets, colours)
    show_trend(tail, colours)
    show_what_if(asked, colours)
    show_html(method_html(tail))
    with actions, st.container(horizontal=True, horizontal_alignment="right"):
        show_export(tail, asked, box, selected, budgets)
        copy_link()


def controls(facets: Facets) -> Asked:
    """The row of filters; all of them stand in the address."""
    period = switch("period", "Period", PERIODS, shown=True)
    metrics = {name: METRICS[name] for name in METRICS if name in facets.known}
    metric = switch("metric", "Metric", metrics, shown=True)
    tops = TOPS if facets.requests >= FEW else {key: TOPS[key] for key in ("10", "5")}
    preset = "1" if facets.requests >= FEW else "10"
    top = switch("tail", "Tail is the top", dict(sorted_tops(tops)), first=preset, shown=True)
    with st.container(width=190):
        inputs = choose("mod", "Came in", list(facets.inputs), inputs_name)
    with st.popover("More", icon=":material/tune:"):
        service = choose("service", "Service", list(facets.services), visible)
        model = choose("model", "Model", list(facets.models), visible)
        if facets.requests < FEW:
            st.caption(
                f"A tail of 1 % or less is offered from {FEW} requests on, since fewer than five"
                f" in it say nothing. Stored: {counted(facets.requests, 'request')}."
            )
    filters = Filters(inputs=inputs or None, service=service or None, model=model or None)
    given = {name: str(st.query_params[name]) for name in KEPT if st.query_params.get(name)}
    return Asked(metric, float(top) / 100, filters, period, given)


def sorted_tops(tops: Mapping[str, str]) -> list[tuple[str, str]]:
    """Tails from the smallest on."""
    return sorted(tops.items(), key=lambda pair: float(pair[0]))


def draw(chart: Chart, **more: Any) -> Any:
    """A chart with the tools that this page has: camera, and a way back."""
    return st.plotly_chart(
        chart.figure,
        theme=None,
        alt=chart.alt,
        config={
            "displaylogo": False,
            "displayModeBar": "hover",
            "modeBarButtons": [["toImage", "resetScale2d"]],
            "toImageButtonOptions": {"filename": f"tracelens-{chart.name}", "scale": 2},
        },
        **more,
    )


def as_table(html: Callable[[], str]) -> None:
    """The twin of a chart for those who read or use the keyboard."""
    with st.expander("Show as a table"):
        show_html(html())


def show_shape(
    tail: Tail, asked: Asked, box: Box | None, budgets: Budgets, colours: Palette
) -> None:
    """The concentration of the total, and the map over time."""
    pays, when, share, name = HEADS[asked.metric]
    left, right = st.columns(2, gap="large")
    with left:
        st.header(pays)
        st.caption(f"{share} that the highest requests have; further up and left is more unequal.")
        draw(drawn(concentration_chart, tail, colours), key="who")
        as_table(lambda: groups_table_html(tail, asked.params))
    with right:
        st.header(when)
        st.caption(
            f"Requests by {name} over time. Click a cell, or drag a box, to explain it below."
        )
        pick = str(st.session_state.get("pick", "cell"))
        chart = drawn(
            heat_chart,
            tail,
            colours,
            budget=limit_of(budgets, asked.filters.inputs),
            box=box,
            boxes=pick == "box",
        )
        # A new key per selection: what the browser had selected before is then forgotten.
        key = f"map {pick} {st.query_params.get('sel', '')}"
        draw(
            chart,
            key=key,
            on_select=lambda: take_selection(key),
            selection_mode=("points", "box"),
        )
        st.segmented_control(
            "What the pointer does",
            list(PICKS),
            format_func=PICKS.__getitem__,
            default="cell",
            required=True,
            key="pick",
            label_visibility="collapsed",
        )
        as_table(lambda: times_table_html(tail, asked.params))


def take_selection(key: str) -> None:
    """Put what was selected on the map into the address; a diamond leads to its request."""
    chosen = st.session_state[key]["selection"]
    points = [each.get("customdata") or [] for each in chosen.get("points", [])]
    requests = [each[0] for each in points if len(each) == 1]
    cells = [each for each in points if len(each) == 4]
    if chosen.get("box"):
        drawn = chosen["box"][0]
        begin, end = sorted(map(in_nanos, drawn["x"]))
        low, high = sorted(10 ** float(each) for each in drawn["y"])
        st.query_params["sel"] = box_text((begin, end, low, high))
    elif requests:
        st.session_state["clicked"] = requests[0]
    elif cells:
        begin, end, low, high = cells[0]
        st.query_params["sel"] = box_text((int(begin), int(end), float(low), float(high)))


def in_nanos(when: str | float) -> int:
    """A place on plotly's axis of time, in ns."""
    if isinstance(when, int | float):
        return int(when * 1e6)
    return int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()) * 10**9


def follow_click() -> None:
    """Go to the request whose diamond was clicked."""
    request = st.session_state.pop("clicked", None)
    if request:
        st.switch_page(EXPLAIN, query_params={"id": request})


def show_different(
    tail: Tail, asked: Asked, box: Box | None, selected: Selected, colours: Palette
) -> None:
    """What the tail, or the part of the map that is selected, has more often than the rest."""
    st.header("What is different about them")
    if box:
        said = box_sentence(box, tail.unit, selected.n)
        clear = link("Back to the tail", "tails", **asked.params)
        show_html(f'<p class="tl tl-quiet">Selection: {safe(said)}. {clear}</p>')
    else:
        st.caption(
            f"{counted(selected.n, 'request')} of the tail against the other"
            f" {selected.n_rest:,}, what goes with most excess first."
        )
    follow_address("attrs", st.query_params.get("attrs") == "1")
    st.toggle(
        "Compare what else the spans record too",
        key="attrs",
        help="Attributes without a column of their own are read from the spans: this takes time.",
        on_change=keep_switch,
        args=("attrs",),
    )
    left, right = st.columns(2, gap="large")
    with left:
        show_findings(tail, box, selected, colours)
    with right:
        if selected.exemplars.height:
            shown = selected.exemplars.head(SHOWN).to_dicts()
            show_html(exemplars_html(shown, asked.metric))


def show_findings(tail: Tail, box: Box | None, selected: Selected, colours: Palette) -> None:
    """The findings as a chart, or why there are none."""
    name = "selection" if box else "tail"
    if selected.state == "too_few":
        are = "is" if selected.n == 1 else "are"
        show_note(
            "Too few to say",
            f"{counted(selected.n, 'request')} {are} in the {name}. From {TOO_FEW} on, and as many"
            " others, it can be told what they have in common and others have not.",
        )
    elif not selected.different:
        were = "was" if selected.tested == 1 else "were"
        show_note(
            "Nothing stands out",
            f"{counted(selected.tested, 'value')} {were} compared: none is so much more"
            f" frequent in the {name} that chance would not explain it.",
        )
    else:
        draw(drawn(findings_chart, selected, colours, name), key="different")
        if any(row["kind"] == "mechanism" for row in selected.different):
            st.caption("\\* is part of what is measured: it shows how, not why.")
        as_table(lambda: different_table_html(selected.different, tail.unit))


def show_modalities(tail: Tail, asked: Asked, budgets: Budgets, colours: Palette) -> None:
    """A distribution per modality; its name filters."""
    charts, missing = drawn(higher_charts, tail, colours, budgets), drawn(not_drawn, tail)
    if not charts and not missing:
        return
    st.header("By modality")
    if not charts:
        show_note("Too few to say", f"{'; '.join(missing)}.")
        return
    more = "slower" if tail.unit == "ms" else "more expensive"
    st.caption(
        f"Share of requests that are {more} than a value, both axes logarithmic and the same in"
        " every panel; grey are the others. A name leads to those requests alone."
    )
    # Four stand in a row; of three, five or six each row has three.
    with st.grid(min_column_width=250 if len(charts) == 4 else 320, key="panels"):
        for name, chart in charts:
            with st.container():
                title = f"Only requests with {inputs_name(name)}"
                head = link(
                    safe(inputs_name(name)), "tails", title=title, **{**asked.params, "mod": name}
                )
                if len(charts) == 1:
                    head = safe(inputs_name(name))
                said = safe(said_of(tail, name, limit_of(budgets, name)))
                show_html(f'<p class="tl tl-panel-head"><b>{head}</b> <span>{said}</span></p>')
                draw(chart, key=f"higher {name}")
    if missing:
        st.caption(f"Too few to draw: {label('; '.join(missing))}.")


def per(tail: Tail) -> str:
    """`day`, `7 days`: how long a bucket of the trend is."""
    return tail.bucket.removeprefix("1 ")


def show_trend(tail: Tail, colours: Palette) -> None:
    """Since when."""
    if tail.trend.height < 2:
        return
    st.header("Trend")
    what = "Cost" if tail.unit == "USD" else "Mean time of a request"
    st.caption(f"{what} per {per(tail)} by stage, and below it what the tail did.")
    draw(drawn(trend_chart, tail, colours), key="trend")
    as_table(lambda: trend_table_html(tail))


@st.fragment
def show_what_if(asked: Asked, colours: Palette) -> None:
    """Caps to try, beside what they and the rules of the policy would change."""
    st.header("What if")
    left, right = st.columns([2, 3], gap="large")
    with left:
        rules = tried_rules()
    found = ask(what_if_of, rules, asked.filters, asked.period)
    bills = tuple(
        Bill(group.by, group.cost.before, group.cost.after.low, group.cost.after.high)
        for group in found.groups
        if group.cost.before is not None
        and group.cost.after.low is not None
        and group.cost.after.high is not None
    )
    with right:
        show_html(f'<p class="tl tl-result" role="status">{safe(what_if_sentence(found))}</p>')
        if bills:
            draw(drawn(what_if_chart, bills, colours), key="what-if")
    if rules.named():
        show_html(what_if_html(found))
        show_toml(rules)


def tried_rules() -> Rules:
    """The caps that were chosen, and the rows of the policy if they are to be tried."""
    caps = []
    for name, (size, how, title, unit, values) in CAPS.items():
        limit = choose_cap(name, title, unit, values)
        caps += [Cap(size, limit, how)] if limit is not None else []
    own = Rules.of(lens().policy)
    if not own.named():
        st.caption("Routes and budgets are rows of the policy; it has none, and no caps.")
        return Rules(tuple(caps))
    follow_address("route", st.query_params.get("route") == "1")
    rules = counted(len(own.named()), "rule")
    if st.toggle(
        f"Try the policy's {rules} too", key="route", on_change=keep_switch, args=("route",)
    ):
        return Rules((*caps, *own.caps), own.routes, own.budgets, own.comparable)
    return Rules(tuple(caps))


def keep_switch(name: str) -> None:
    """Write into the address whether something is switched on."""
    if st.session_state[name]:
        st.query_params[name] = "1"
    else:
        st.query_params.pop(name, None)


def choose_cap(name: str, label: str, unit: str, values: tuple[float, ...]) -> float | None:
    """A cap that stands in the address; None for none."""
    given = str(st.query_params.get(name, ""))
    known = {f"{value:g}": value for value in values}
    try:
        own = float(given) if given else 0.0
    except ValueError:
        own = 0.0
    if 0 < own < float("inf"):
        known[f"{own:g}"] = own
    options = [*(f"{value:g}" for value in sorted(known.values())), NO_CAP]
    key = f"slide-{name}"
    follow_address(key, f"{own:g}" if f"{own:g}" in known else NO_CAP)
    chosen = st.select_slider(
        label,
        options,
        format_func=lambda each: each if each == NO_CAP else f"{float(each):,g} {unit}",
        key=key,
        on_change=keep_cap,
        args=(name, key),
    )
    return None if chosen == NO_CAP else known[chosen]


def keep_cap(name: str, key: str) -> None:
    """Write a cap into the address."""
    chosen = st.session_state[key]
    if chosen == NO_CAP:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = chosen


def show_toml(rules: Rules) -> None:
    """The rules as rows of a policy file."""
    text = rules_toml(rule for _, rule in rules.named())
    with st.expander("These rules as rows of a policy file"):
        st.code(text, language="toml", wrap_lines=True)
        st.download_button(
            "Download", text, "rules.toml", "application/toml", on_click="ignore", key="toml"
        )


def show_export(
    tail: Tail,
    asked: Asked,
    box: Box | None,
    selected: Selected,
    budgets: Budgets,
) -> None:
    """What can be taken along: tables, pictures, and one page to pass on."""

    def charts() -> list[Chart]:
        found = [
            concentration_chart(tail, LIGHT),
            heat_chart(tail, LIGHT, budget=limit_of(budgets, asked.filters.inputs), box=box),
            trend_chart(tail, LIGHT),
        ]
        if selected.different:
            name = "selection" if box else "tail"
            found.insert(2, different_chart(selected.different, LIGHT, selection=name))
        return found

    name = f"tracelens-tail-{asked.metric}"
    with st.popover("Export", icon=":material/download:"):
        offer(
            "Tables, CSV", lambda: packed(tables(tail, selected)), f"{name}.zip", "application/zip"
        )
        offer(
            f"{listed_name(selected, box)}, CSV",
            lambda: to_csv(selected.exemplars.to_dicts()),
            f"{name}-requests.csv",
            "text/csv",
        )
        offer("Report, Markdown", lambda: tail_report(tail), f"{name}.md", "text/markdown")
        if not can_picture():
            st.caption(
                "Pictures and PDF are drawn by Chromium or Chrome, which is not installed where"
                " tracelens runs. Each chart has a camera button, which needs neither."
            )
            return
        offer(
            "Pictures, PNG",
            lambda: packed(pictures([*charts(), *panels(tail, budgets)])),
            f"{name}-pictures.zip",
            "application/zip",
        )
        offer(
            "One page, PDF",
            lambda: print_page(one_page_html(tail, headline(tail), captioned(charts()[:3]))),
            f"{name}.pdf",
            "application/pdf",
        )


def listed_name(selected: Selected, box: Box | None) -> str:
    """What the list of requests holds: all of the tail, or how many of how many."""
    name, listed = "selection" if box else "tail", selected.exemplars.height
    if listed == selected.n:
        return f"Requests of the {name}"
    return f"Highest {listed:,} of {counted(selected.n, 'request')} of the {name}"


def captioned(charts: list[Chart]) -> list[tuple[str, bytes]]:
    """What each chart says, and its drawing."""
    return [
        (chart.alt, drawing)
        for chart, drawing in zip(charts, pictures(charts, "svg").values(), strict=True)
    ]


def panels(tail: Tail, budgets: Budgets) -> list[Chart]:
    """The distributions of each modality, for pictures."""
    return [chart for _, chart in higher_charts(tail, LIGHT, budgets)]


def offer(label: str, make: Callable[[], str | bytes], name: str, mime: str) -> None:
    """A button for a file that is made when it is asked for."""
    st.download_button(
        label, make, name, mime, on_click="ignore", key=f"export {name}", width="stretch"
    )


def tables(tail: Tail, selected: Selected) -> dict[str, str]:
    """The figures behind each chart, a table each."""
    found = {
        "who-pays": tail.concentration,
        "distribution": tail.higher,
        "contributions": tail.contributions,
        "trend": tail.trend,
        "trend-by-stage": tail.trend_by_stage,
        "map": tail.heat.cells,
        "map-highest": tail.heat.highest,
        "payers": tail.payers,
        "highest-requests": selected.exemplars,
    }
    texts = {
        f"{name}.csv": to_csv(frame.to_dicts(), frame.columns) for name, frame in found.items()
    }
    if selected.different:
        texts["different.csv"] = to_csv(selected.different)
    return texts


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Files in one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


main()
