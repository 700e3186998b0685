"""JSON for interpreters without the _json extension."""

ESCAPES = {code: "\\u%04x" % code for code in range(32)}
ESCAPES.update({ord('"'): '\\"', ord("\\"): "\\\\", 10: "\\n", 13: "\\r", 9: "\\t"})


def encode(value):
    """JSON text of a value; ValueError for NaN and infinity, TypeError for what JSON has no form for."""
    if isinstance(value, str):
        return '"' + value.translate(ESCAPES) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([encode(item) for item in value]) + "]"
    if isinstance(value, dict):
        pairs = [encode(_key(name)) + ":" + encode(item) for name, item in value.items()]
        return "{" + ",".join(pairs) + "}"
    raise TypeError("no JSON for " + type(value).__name__)


def _number(value):
    if repr(value) in ("nan", "inf", "-inf"):
        raise ValueError("no JSON for " + repr(value))
    return repr(value)


def _key(name):
    """The text of a key, as json.dumps writes a number or None there."""
    return name if isinstance(name, str) else encode(name)
