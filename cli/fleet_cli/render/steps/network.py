"""Step 5 on the page: network configuration."""

from __future__ import annotations

from fleet_cli.render.steps.block import Block, joined, rows
from fleet_collector.snapshot.network import Interface, Network
from fleet_collector.wording import duration, number, plain, size


def block(network: Network) -> Block:
    """Default route and resolver; each link with its addresses, traffic and errors."""
    line = joined(_default(network), _resolver(network), _conntrack(network))
    links = [link for link in network.interfaces or () if link.kind != "loopback"]
    return Block(line, rows(_row(link) for link in links))


def _default(network: Network) -> str | None:
    if network.default_routes is None:
        return None
    if not network.default_routes:
        return "no default route"
    return "default by " + plain(
        " and ".join(r.gateway or r.interface or "?" for r in network.default_routes[:2]), 60
    )


def _resolver(network: Network) -> str | None:
    if network.resolver is None:
        return None
    if not network.resolver.lookups:
        return "resolver " + plain(" ".join(network.resolver.servers) or "none", 60)
    return "resolver " + ", ".join(
        plain(lookup.server, 45)
        + " "
        + (duration((lookup.ms or 0) / 1000) if lookup.ok else "does not answer")
        for lookup in network.resolver.lookups
    )


def _conntrack(network: Network) -> str | None:
    if not network.conntrack or not network.conntrack_max:
        return None
    return f"conntrack {number(network.conntrack)} of {number(network.conntrack_max)}"


def _row(link: Interface) -> tuple[str, ...]:
    state = "down" if link.up is False else "no carrier" if link.carrier is False else "up"
    rates = ""
    if link.rx_bytes_per_second is not None and link.tx_bytes_per_second is not None:
        rates = f"in {size(link.rx_bytes_per_second)}/s, out {size(link.tx_bytes_per_second)}/s"
    errors = (link.rx_errors or 0) + (link.tx_errors or 0)
    return (
        plain(link.name, 20),
        state,
        plain(" ".join(link.addresses[:2]), 60),
        joined(rates or None, f"{number(errors)} errors" if errors else None),
    )
