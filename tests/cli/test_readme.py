"""What the README shows can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.typed import refusal

README = Path(__file__).parents[2] / "README.md"


def shown() -> list[str]:
    """Every ``fleet …`` of the README: lines of its code blocks, and code within its sentences."""
    text = README.read_text("utf-8")
    lines = re.findall(r"^(?: {4,}|\t)?(?:\$ )?(fleet [a-z-].*)$", text, re.MULTILINE)
    return list(dict.fromkeys([*lines, *re.findall(r"`(fleet [a-z-][^`\n]*)`", text)]))


def test_the_readme_shows_commands() -> None:
    assert len(shown()) >= 5


@pytest.mark.parametrize("line", shown())
def test_what_the_readme_shows_can_be_typed(line: str) -> None:
    words = shlex.split(re.split(r" [|>] | && |; ", line)[0], comments=True)
    refused = refusal(words)
    named_alone = len(words) == 2 and refused is not None and refused.startswith("Missing")
    assert refused is None or named_alone, refused
