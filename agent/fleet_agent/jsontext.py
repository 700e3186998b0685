"""JSON without the json package, whose import alone costs more than all encoding here.

The C encoder is the one behind json.dumps; python3-minimal of Debian lacks it, and then ``plainjson`` does.
"""


def dumps(value):
    """JSON text of dicts, lists, texts, numbers, booleans, None; ValueError for NaN, TypeError for others.

    File names that are no UTF-8 arrive with lone surrogates (PEP 383), which JSON must not have: they are
    read again with U+FFFD in their place.
    """
    text = _encoder()(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = _readable(text)
    return text


def _encoder():
    try:
        from _json import encode_basestring, make_encoder

        encode = make_encoder(None, _refuse, encode_basestring, None, ":", ",", False, False, False)
        return lambda value: "".join(encode(value, 0))
    except (ImportError, TypeError):
        from fleet_agent.plainjson import encode

        return encode


def _readable(text):
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # surrogates that no file name has
        return text.encode("utf-8", "replace").decode("utf-8")


def _refuse(value):
    raise TypeError("no JSON for " + type(value).__name__)
