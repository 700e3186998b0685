"""System calls that Python has no function for, by the C library's own names.

The ctypes package costs more to import than all it would do here, so this stands on what it is made of.
"""

import posix as os


def call(name, *arguments):
    """What a function of the C library returns, an int; OSError with its errno where that is negative.

    Arguments are int, bytes or a ``buffer``. FileNotFoundError says that this Python cannot call C, or that
    the library has no such function.
    """
    ctypes = _parts()
    try:
        function = _function(ctypes, name)
    except (AttributeError, OSError) as fault:
        raise FileNotFoundError(2, str(fault)) from fault
    result = function(*arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def buffer(size):
    """Writable bytes, all zero, to hand to ``call``; FileNotFoundError as there."""
    ctypes = _parts()

    class Char(ctypes._SimpleCData):
        _type_ = "c"

    class Buffer(ctypes.Array):
        _type_ = Char
        _length_ = size

    return Buffer()


def _parts():
    try:
        import _ctypes
    except ImportError as fault:
        raise FileNotFoundError(2, str(fault)) from fault
    return _ctypes


def _function(ctypes, name):
    class Int(ctypes._SimpleCData):
        _type_ = "i"

    class Function(ctypes.CFuncPtr):
        _flags_ = ctypes.FUNCFLAG_CDECL | ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Int

    return Function(ctypes.dlsym(ctypes.dlopen(None, os.RTLD_NOW), name))
