"""The causes, ranked; what they explain; then what is innocent and what nobody could tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from fleet_cli.render import terminal
from fleet_collector.causes.diagnosis import Cause, Diagnosis, Effect, Fine, Judged, NotMeasured
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.wording import moment, plain

MOST_CAUSES = 10
MOST_EFFECTS = 4
MOST_NAMES = 50  # letters of a folded list of hosts where names matter less
WIDTHS = (3, 8)  # 10., CRITICAL


def page(diagnosis: Diagnosis, cases: Sequence[Judged], *, quiet: bool = False) -> RenderableType:
    """Causes first; under each what it explains and the next command."""
    parts: list[RenderableType] = []
    if not quiet:
        parts.append(_head(cases))
    for cause in diagnosis.causes[:MOST_CAUSES]:
        parts += _cause(cause)
    if len(diagnosis.causes) > MOST_CAUSES:
        more = several(len(diagnosis.causes) - MOST_CAUSES, "lesser cause")
        parts.append(Text(f"and {more}: --format json has them", "dim"))
    if cases and not diagnosis.causes:
        parts.append(Text("Nothing is wrong, as far as was measured.", style="green"))
    if not quiet:
        parts += [Text(), *_innocent(diagnosis, len(cases))]
    return Group(*parts)


def _head(cases: Sequence[Judged]) -> Text:
    if not cases:
        return Text("no host was scanned by then: fleet scan hosts.txt", style="dim")
    first, last = (choose(case.taken_at for case in cases) for choose in (min, max))
    when = moment(last) if last - first < 600 else f"{moment(first)} to {moment(last)}"
    return Text(f"{several(len(cases), 'host')}, scanned {when} UTC", style="dim")


def _cause(cause: Cause) -> list[RenderableType]:
    """What is wrong where, what follows from it, and the next command."""
    told = Text.assemble((plain(cause.hosts_folded, 200), "bold"), f": {plain(cause.message, 600)}")
    for effect in _effects(cause.explains, cause.hosts):
        told.append("\n").append_text(effect)
    grid = terminal.columns(WIDTHS)
    grid.add_row(Text(f"{cause.rank}.", "bold"), terminal.severity(cause.severity), told)
    return [Text(), grid, *([terminal.typed(cause.next, WIDTHS[0] + 2)] if cause.next else [])]


def _effects(effects: Sequence[Effect], hosts: Sequence[str]) -> list[Text]:
    """What follows from the cause; the same on several hosts is one line."""
    by_message: dict[str, list[str]] = defaultdict(list)
    for effect in effects:
        by_message[effect.message].append(effect.host)
    lines = [
        Text.assemble(("-> ", "dim"), _where(seen, hosts), plain(message))
        for message, seen in list(by_message.items())[:MOST_EFFECTS]
    ]
    if len(by_message) > MOST_EFFECTS:
        lines.append(Text(f"-> and {several(len(by_message) - MOST_EFFECTS, 'more effect')}", style="dim"))
    return lines


def _where(seen: Sequence[str], hosts: Sequence[str]) -> str:
    return "" if set(seen) == set(hosts) else f"{plain(fold(seen), 100)}: "


def _innocent(diagnosis: Diagnosis, hosts: int) -> list[Text]:
    lines = [
        Text.assemble(("fine ", "green"), f"{', '.join(fine.steps)} on {_on(fine, hosts)}")
        for fine in diagnosis.fine
    ]
    for gap in diagnosis.not_measured:
        line = f"{gap.step} on {_on(gap, hosts)}: {plain(gap.reason)}"
        lines.append(Text.assemble(("not measured ", "magenta"), line))
    return lines


def _on(part: Fine | NotMeasured, hosts: int) -> str:
    """The hosts by name where that is short, else how many of all."""
    if len(part.hosts) == hosts > 1:
        return f"all {hosts:,} hosts"
    folded = plain(part.hosts_folded, 200)
    return folded if len(folded) <= MOST_NAMES else f"{len(part.hosts):,} of {hosts:,} hosts"
