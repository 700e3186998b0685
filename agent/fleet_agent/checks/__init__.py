"""One file a step: ``collect(section)`` reads, ``parse_*(text)`` is pure."""
