"""What one check works with, and where it leaves word of what it could not find out."""

import errno

from fleet_agent.host import Absent, TooSlow


class Section(object):
    """One step at work: the host, the request, the process table, and the notes it leaves.

    ``request`` is the collector's dict (see ``__main__``), ``table`` the process table, ``first`` what the
    check's own ``sample`` returned, ``seconds`` the time between the two samples.
    """

    def __init__(self, host, request, table, first=None, seconds=0.0):
        self.host = host
        self.request = request
        self.table = table
        self.first = first
        self.seconds = seconds
        self.notes = {}

    def note(self, fact, text):
        """Say why a fact is missing or cut; "denied", "timeout" and "error" make the section partial."""
        self.notes[fact] = text

    def fact(self, name, read, *arguments):
        """What ``read(*arguments)`` returns, or None with a note of the reason."""
        try:
            return read(*arguments)
        except (OSError, Absent, TooSlow, ValueError, IndexError, KeyError) as fault:
            self.note(name, reason(fault))
            return None

    def cut(self, name, rows, most):
        """The first ``most`` of a list, noted where that leaves any out."""
        if len(rows) > most:
            self.note(name, "cut at %d of %d" % (most, len(rows)))
        return rows[:most]


def reason(fault):
    """One word, and a detail where it helps, for what stopped a read."""
    if isinstance(fault, Absent):
        return "absent: %s" % fault if str(fault) else "absent"
    if isinstance(fault, TooSlow):
        return "timeout"
    if isinstance(fault, OSError):
        if fault.errno in (errno.EACCES, errno.EPERM):
            return "denied"
        if fault.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.EOPNOTSUPP, errno.ENODEV):
            return "absent"
    return "error: %s: %s" % (type(fault).__name__, fault)
