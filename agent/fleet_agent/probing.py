"""Trying targets: TCP and UDP, all at once, each with its own time."""

import _socket as socket
import select
import time

from fleet_agent import resolve, routing
from fleet_agent.trial import Trial

CONNECT_SECONDS = 3.0
RESOLVE_SECONDS = 1.6


def results(section, targets):
    """The probes of all targets (Probe); a target that cannot be read leaves a note instead."""
    scale = min(1.0, section.request.get("section_seconds", 5.0) / 5.0)
    trials = [
        trial for trial in (_trial(section, target, CONNECT_SECONDS * scale) for target in targets) if trial
    ]
    probe(trials, RESOLVE_SECONDS * scale)
    _look_at_next_hops(section, [trial.fact for trial in trials])
    return [trial.fact for trial in trials]


def _trial(section, target, seconds):
    try:
        return Trial(target, seconds)
    except ValueError:
        section.note(target[:200], "error: not a target, as in tcp://db1:5432 or udp://[fd00::1]:53")
        return None


def probe(trials, resolve_seconds):
    """Try all at once. Names first: each trial has its own time from when its name is resolved."""
    lookups, active = _begin(trials)
    until = time.monotonic() + resolve_seconds
    while lookups or active:
        now = time.monotonic()
        if now >= until:
            for lookup in list(lookups):
                _give_up(lookup, lookups.pop(lookup), resolve_seconds)
        for trial in active:
            trial.tick(now)
        active = [trial for trial in active if not trial.done]
        wakes = [trial.wake() for trial in active] + [until] * bool(lookups)
        for owner, descriptor in _ready(active, lookups, min(wakes or [now]) - now):
            if owner not in lookups:
                owner.ready(descriptor)
            else:
                active += _resolved(owner, lookups.pop(owner))


def _begin(trials):
    """Start what is an address already, look up the rest: ({Lookup: its trials}, trials started)."""
    names, started = {}, []
    for trial in trials:
        addresses = resolve.literal(trial.host)
        if addresses:
            trial.start(addresses)
            started.append(trial)
        else:
            names.setdefault(trial.host, []).append(trial)
    return {resolve.Lookup(name): names[name] for name in names}, started


def _ready(active, lookups, seconds):
    """[(trial or lookup, descriptor)] of those that something has come for within the time."""
    poll = select.poll()
    owners = {}
    for trial in active:
        for descriptor in trial.sockets:
            owners[descriptor] = trial
            poll.register(descriptor, select.POLLOUT if trial.tcp else select.POLLIN)
    for lookup in lookups:
        owners[lookup.descriptor] = lookup
        poll.register(lookup.descriptor, select.POLLIN)
    events = poll.poll(max(0, seconds * 1000 + 1))
    return [(owners[descriptor], descriptor) for descriptor, _ in events]


def _resolved(lookup, trials):
    """Start the trials that waited for a name, or tell them that there is none."""
    addresses, fault = lookup.result()
    for trial in trials:
        if fault:
            trial.unresolved(fault)
        else:
            trial.start(addresses)
    return [] if fault else trials


def _give_up(lookup, trials, seconds):
    lookup.end()
    for trial in trials:
        trial.unresolved(("ETIMEDOUT", "the name was not resolved within %g s" % seconds))


def _look_at_next_hops(section, facts):
    """Of what stayed silent: does the next hop answer at all? If not, nothing even left for the target."""
    silent = [fact for fact in facts if fact["result"] in ("filtered", "open_or_filtered", "unreachable")]
    if not silent:
        return
    failed = section.fact("gateway_failed", routing.failed_neighbours)
    for fact in silent:
        address = fact["address"].partition("%")[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            hop = routing.next_hop(family, address)
        except OSError:  # no route: the probe has said so
            continue
        if failed is not None:
            fact["gateway_failed"] = hop in failed
        if fact.get("gateway_failed"):
            fact.update(result="unreachable", message="the next hop %s does not answer" % hop)
