from __future__ import annotations

import ast
import zlib
from importlib.metadata import version
from pathlib import Path

import msgspec

from fleet_collector import bundle

AGENT = Path(__file__).parents[2] / "agent/fleet_agent"
REQUEST = bundle.Request(nonce="n1", processes=("it's", 'a "name"'), reach=("tcp://db1:5432",))


def test_the_payload_is_the_program_compressed() -> None:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(bundle.payload(REQUEST)) + unpacker.unused_data
    assert text.decode() == bundle.program(REQUEST)


def test_every_source_is_in_it() -> None:
    text = bundle.program(REQUEST)
    for file in AGENT.rglob("*.py"):
        assert file.read_text() in text


def test_the_request_arrives_as_it_is() -> None:
    [call] = [node for node in ast.parse(bundle.program(REQUEST)).body[-1:] if isinstance(node, ast.Expr)]
    assert isinstance(call.value, ast.Call)
    assert ast.literal_eval(call.value.args[0]) == msgspec.structs.asdict(REQUEST)


def test_the_agent_knows_every_key_of_the_request() -> None:
    tree = ast.parse((AGENT / "runner.py").read_text())
    [defaults] = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULTS"
    ]
    ours = msgspec.structs.asdict(bundle.Request(nonce="-"))
    assert {
        name: list(value) if isinstance(value, tuple) else value for name, value in ours.items()
    } == defaults


def test_the_agents_version_is_the_packages() -> None:
    tree = ast.parse((AGENT / "__init__.py").read_text())
    [stated] = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert stated == version("fleet-triage")
