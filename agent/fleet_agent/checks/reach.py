"""Step 6: which host:port this host can open."""

from fleet_agent.host import Absent

TARGETS_MOST = 256


def collect(section):
    """The section's data (Reach)."""
    targets = section.cut("probes", list(section.request.get("reach") or ()), TARGETS_MOST)
    if not targets:
        return {"probes": []}
    if not section.host.live:
        raise Absent("a recorded tree reaches nothing")
    from fleet_agent import probing  # compiled on each host; most have no targets

    return {"probes": probing.results(section, targets)}
