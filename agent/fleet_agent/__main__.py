r"""Ask this machine the ten questions and write the answers to standard output; nothing else is written.

Input
    The collector sends this program and, at its end, one call: ``serve(request)``. The request is a dict of
    plain literals; every key may be left out:

    ``nonce``             a word that marks the frames of this run
    ``interval_seconds``  between the two samples of every counter (1.0)
    ``section_seconds``   a step may take before it is given up (5.0)
    ``total_seconds``     the whole job may take (20.0)
    ``processes``         names of processes that must run
    ``services``          names of services that must run
    ``reach``             targets to try, as in "tcp://db1:5432" or "udp://ntp1:123"
    ``log_roots``         directories of log files (["/var/log"])
    ``large_file_bytes``  from this size a file is reported (104857600)
    ``lookup``            a name to resolve, or None
    ``root``              the tree to read ("/")
    ``portable``          use psutil although the system is Linux (False)

Output
    One line a frame, flushed at once, with a line end before it against noise without one::

        \nfleet-frame NONCE {json}\n

    ``{"frame": "start", "schema": 1, "agent": {"version", "python", "uid", "started_at"}}``
    ``{"frame": "section", "step": "cpu", "status", "ms", "notes": {fact: why}, "data": {...} or null}``
    ``{"frame": "end", "agent": {"wall_ms", "cpu_ms", "max_rss_bytes"}}``

    ``status`` is ok, partial (some facts denied, timed out or failed: see the notes), denied, absent, timeout
    or error. A fact that was not measured is left out. Sizes are bytes, times seconds since the epoch.

Exit status
    0 all steps ran, however they ended; 64 wrong usage by hand; 70 a fault of this program.

By hand, ``python3 -m fleet_agent`` prints one JSON document with the start and end facts as "agent" and each
section under its step's name.
"""

import posix as os
import sys

from fleet_agent.jsontext import dumps
from fleet_agent.runner import DEFAULTS, run, write

SCHEMA = 1


def serve(request):
    """Run all steps as ``request`` says and write one frame for each as it ends; a fault ends the program."""
    nonce = request.get("nonce", DEFAULTS["nonce"])
    try:
        run(request, lambda name, body: write(1, "\nfleet-frame %s %s\n" % (nonce, frame(name, body))))
    except Exception as fault:
        write(2, "fleet agent: %s: %s\n" % (type(fault).__name__, fault))
        os._exit(70)


def frame(name, body):
    """The JSON text of a frame: ``body`` is that of an agent ("start", "end") or of a section."""
    if name == "start":
        return '{"frame":"start","schema":%d,"agent":%s}' % (SCHEMA, body)
    if name == "end":
        return '{"frame":"end","agent":%s}' % body
    return '{"frame":"section","step":"%s",%s' % (name, body[1:])


def document(request):
    """Run all steps and return one JSON document of the snapshot's shape, a step a line."""
    bodies = {}
    run(request, bodies.__setitem__)
    about = '%s,%s,"finished":true}' % (bodies.pop("start")[:-1], bodies.pop("end")[1:-1])
    lines = ['"schema":%d' % SCHEMA, '"agent":' + about]
    lines += [dumps(step) + ":" + body for step, body in bodies.items()]
    return "{" + ",\n".join(lines) + "}\n"


def main(arguments):
    """Run by hand, with the request on the command line."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="fleet_agent", description="Ask this machine the ten questions; print one JSON document."
    )
    parser.add_argument(
        "--root", default="/", metavar="DIR", help="read another tree, as a container's /host"
    )
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", dest="interval_seconds")
    parser.add_argument("--process", action="append", default=[], dest="processes", help="that must run")
    parser.add_argument("--service", action="append", default=[], dest="services", help="that must run")
    parser.add_argument(
        "--reach", action="append", default=[], help="tcp://host:port or udp://host:port to try"
    )
    parser.add_argument("--log-root", action="append", default=[], dest="log_roots", metavar="DIR")
    parser.add_argument("--lookup", metavar="NAME", help="a name to resolve")
    parser.add_argument("--portable", action="store_true", help="use psutil although the system is Linux")
    request = vars(parser.parse_args(arguments))
    request["log_roots"] = request["log_roots"] or DEFAULTS["log_roots"]
    write(1, document(request))


if __name__ == "__main__":
    main(sys.argv[1:])
