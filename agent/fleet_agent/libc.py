"""System calls that Python has no function for, by the C library's own names."""

import os


def call(name, *arguments):
    """What a function of the C library returns; OSError with its errno where that is negative.

    FileNotFoundError says that this Python has no ctypes, or the library no such function.
    """
    try:
        import ctypes

        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (ImportError, AttributeError) as fault:
        raise FileNotFoundError(2, str(fault)) from fault
    result = function(*arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def buffer(size):
    """Writable bytes, all zero, to hand to ``call``; FileNotFoundError as there."""
    try:
        from ctypes import create_string_buffer
    except ImportError as fault:
        raise FileNotFoundError(2, str(fault)) from fault
    return create_string_buffer(size)
