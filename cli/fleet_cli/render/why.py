"""The causes, ranked; what they explain; then what is innocent and what nobody could tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from fleet_cli.render import terminal
from fleet_collector.causes.diagnosis import Cause, Diagnosis, Effect, Judged
from fleet_collector.findings.words import several
from fleet_collector.folding import fold
from fleet_collector.wording import moment, plain

MOST_CAUSES = 10
MOST_EFFECTS = 4


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
    if not diagnosis.causes:
        parts.append(Text("Nothing is wrong, as far as was measured.", style="green"))
    if not quiet:
        parts += [Text(), *_innocent(diagnosis)]
    return Group(*parts)


def _head(cases: Sequence[Judged]) -> Text:
    if not cases:
        return Text("no host was scanned before that time", style="dim")
    first, last = (choose(case.taken_at for case in cases) for choose in (min, max))
    when = moment(last) if last - first < 600 else f"{moment(first)} to {moment(last)}"
    return Text(f"{several(len(cases), 'host')}, scanned {when} UTC", style="dim")


def _cause(cause: Cause) -> list[RenderableType]:
    lines: list[RenderableType] = [
        Text(),
        Text.assemble(
            (f"{cause.rank}. ", "bold"),
            terminal.severity(cause.severity),
            "  ",
            (plain(cause.hosts_folded, 200), "bold"),
            ": ",
            plain(cause.message, 600),
        ),
    ]
    below = _effects(cause.explains, cause.hosts)
    if cause.next:
        below.append(Text.assemble(("next: ", "dim"), (plain(cause.next), "cyan")))
    lines += [Padding(line, (0, 0, 0, 3), expand=False) for line in below]
    return lines


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


def _innocent(diagnosis: Diagnosis) -> list[Text]:
    lines = [
        Text.assemble(("fine ", "green"), f"{', '.join(fine.steps)} on {plain(fine.hosts_folded, 200)}")
        for fine in diagnosis.fine
    ]
    for gap in diagnosis.not_measured:
        line = f"{gap.step} on {plain(gap.hosts_folded, 200)}: {plain(gap.reason)}"
        lines.append(Text.assemble(("not measured ", "magenta"), line))
    return lines
