"""Names to addresses without waiting: a child process each, for getaddrinfo(3) may hang for minutes.

A thread would hang with it when the program ends; a child can be killed and forgotten.
"""

import _signal as signal
import _socket as socket
import posix as os
import time

ADDRESSES_MOST = 4
_ANSWER_BYTES = 4096
_PATIENCE_MS = 50


class Lookup(object):
    """A lookup under way: ``descriptor`` becomes readable when it is done."""

    def __init__(self, name):
        self.descriptor, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _answer(name, writer)
        os.close(writer)

    def result(self):
        """([(family, address), ...], None), or ([], (error word, message)); to be called once readable."""
        answer = os.read(self.descriptor, _ANSWER_BYTES).decode("utf-8", "replace")
        self.end()
        if answer[:1] in ("", "!"):
            word, _, message = answer[1:].partition(" ")
            return [], (word or "EAI_SYSTEM", message or "the lookup ended without an answer")
        pairs = (line.split(" ", 1) for line in answer.splitlines())
        return [
            (socket.AF_INET6 if kind == "6" else socket.AF_INET, address) for kind, address in pairs
        ], None

    def end(self):
        """Kill the child, done or not; one that sleeps uninterruptibly is not waited for."""
        os.close(self.descriptor)
        os.kill(self.pid, signal.SIGKILL)
        for _ in range(_PATIENCE_MS):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
            time.sleep(0.001)


def literal(host):
    """[(family, address)] where the host is an address already, fe80::1%eth0 included; else []."""
    try:
        return _addresses(host, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []


def _addresses(host, flags):
    name = host.encode("ascii") if not any(ord(letter) > 127 for letter in host) else host
    found = []
    for family, _, _, _, address in socket.getaddrinfo(name, None, 0, socket.SOCK_STREAM, 0, flags):
        if family in (socket.AF_INET, socket.AF_INET6) and (family, address[0]) not in found:
            found.append((family, address[0]))
    return found[:ADDRESSES_MOST]


def _answer(name, writer):
    """In the child: look up, write the answer, end; nothing of the parent is kept open or run."""
    try:
        os.dup2(writer, 0)
        os.closerange(1, 1024)
        try:
            rows = _addresses(name, 0)
            answer = "\n".join(("6 " if family == socket.AF_INET6 else "4 ") + each for family, each in rows)
        except socket.gaierror as fault:
            answer = "!%s %s" % (_word(fault.errno), fault.strerror)
        except (OSError, UnicodeError) as fault:
            answer = "!EAI_NONAME %s" % fault
        os.write(0, answer.encode("utf-8", "replace")[:_ANSWER_BYTES])
    finally:
        os._exit(0)


def _word(code):
    """The name of an EAI_ error, as netdb.h has it."""
    words = [name for name in dir(socket) if name.startswith("EAI_") and getattr(socket, name) == code]
    return words[0] if words else "EAI_%s" % code
