"""The packet filter by nf_tables' own netlink (linux/netfilter/nf_tables.h): no program, no rule text."""

import _struct as struct

from fleet_agent import netlink

RULES_MOST = 100000

_SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
_GET_CHAIN, _GET_RULE = _SUBSYSTEM | 4, _SUBSYSTEM | 7
_HEADER_BYTES = 4  # struct nfgenmsg
_HOOK, _POLICY = 4, 5  # NFTA_CHAIN_*
_HOOK_NUMBER = 1  # NFTA_HOOK_HOOKNUM
_HOOKS = {1: "input_policy", 3: "output_policy"}  # NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT
_FAMILIES = (1, 2, 10)  # inet, ip, ip6


def nftables():
    """(facts, cut): policies of the input and output hooks, drop if any chain drops, and number of rules."""
    facts = {}
    request = struct.pack("=BBH", 0, 0, 0)
    for body in netlink.messages(netlink.NETFILTER, _GET_CHAIN, request):
        fact, policy = parse_chain(body)
        if fact and facts.get(fact) != "drop":
            facts[fact] = policy
    rules = 0
    for size, block in netlink.blocks(netlink.NETFILTER, _GET_RULE, request):
        rules += len(block) // size
        if rules >= RULES_MOST:
            break
    if facts or rules:
        facts.update(kind="nftables", rules=rules)
    return facts, rules >= RULES_MOST


def parse_chain(body):
    """("input_policy" or "output_policy", "accept" or "drop"); (None, None) of a chain on no such hook."""
    values = netlink.attributes(body, _HEADER_BYTES)
    number = netlink.attributes(values.get(_HOOK, b""), 0).get(_HOOK_NUMBER)
    if number is None or body[0] not in _FAMILIES:
        return None, None
    fact = _HOOKS.get(struct.unpack(">I", number)[0])
    accept = struct.unpack(">I", values.get(_POLICY, b"\0\0\0\1"))[0]
    return fact, "accept" if accept else "drop"


def parse_iptables_save(text):
    """The same facts from iptables-save(8): its filter table's policies, rules of all tables."""
    facts = {"kind": "iptables", "rules": text.count("\n-A ")}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line
        elif table == "*filter" and line.startswith((":INPUT ", ":OUTPUT ")):
            chain, policy = line[1:].split()[:2]
            facts[chain.lower() + "_policy"] = policy.lower()
    return facts
