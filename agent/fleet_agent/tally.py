"""Connections counted by endpoint while they stream by."""

from _collections import _count_elements as count_into  # what makes Counter fast, without its module

from fleet_agent import sockets

KEYS_MOST = 20000  # distinct endpoints kept of a family, so that memory stays bounded
UNDRAINED_BYTES = 16384  # a receive queue that the process does not read
NOBODY, UNKNOWN = (
    0,
    -1,
)  # a socket without a process (TIME_WAIT, SYN_RECV, orphans); one of which it may not be seen

_FOLDED = b""


class Tally(object):
    """Counts of connections: memory depends on how many endpoints there are, and that is bounded.

    ``listening`` are the local service ports (2 bytes, network order): a connection from one of them counts
    as server, by peer, any other as client, by destination. So does what a service that ended has left: its
    port lies below the range that connect(2) takes from, the peer's does not. ``owners`` is {inode: pid};
    ``low`` and ``high`` bound that range (2 bytes each).
    """

    def __init__(self, listening, owners, low, high):
        self.listening = listening
        self.owners = dict(owners)
        self.owners[0] = NOBODY
        self.low = low
        self.high = high
        self.cut = False
        self._clients = {}  # family: {(state, pid, whether the local port is of the range, remote): count}
        self._servers = {}  # family: {(state, pid, local port, peer): count}
        self._undrained = {}

    def add(self, family, rows):
        """Count a batch of rows (see ``sockets``)."""
        listening, owner, low, high = self.listening, self.owners.get, self.low, self.high
        clients = self._clients.setdefault(family, {})
        count_into(
            clients,
            [
                (state, owner(inode, UNKNOWN), low <= port <= high, remote)
                for state, port, remote, _, inode in rows
                if port not in listening and (port >= low or remote[:2] < low)
            ],
        )
        servers = self._servers.setdefault(family, {})
        count_into(
            servers,
            [
                (state, owner(inode, UNKNOWN), port, remote[18:])
                for state, port, remote, _, inode in rows
                if port in listening or (port < low and remote[:2] >= low)
            ],
        )
        count_into(
            self._undrained,
            [
                owner(inode, UNKNOWN)
                for state, _, _, queue, inode in rows
                if queue >= UNDRAINED_BYTES and state == sockets.ESTABLISHED
            ],
        )
        for counts in (clients, servers):
            if len(counts) > KEYS_MOST:
                self._fold(counts)

    def _fold(self, counts):
        """Make one nameless endpoint of the rarer half; counts by state, process and port stay exact."""
        self.cut = True
        for key in sorted(counts, key=counts.get, reverse=True)[KEYS_MOST // 2 :]:
            count = counts.pop(key)
            folded = (*key[:3], _FOLDED)
            counts[folded] = counts.get(folded, 0) + count

    def clients(self):
        """Each (state, pid, source, (address, port), of the range, count); source is None of folded ones."""
        for family, counts in self._clients.items():
            for (state, pid, ranged, remote), count in counts.items():
                source, endpoint = None, None
                if remote:
                    source = sockets.text(family, remote[2:18])
                    endpoint = (sockets.text(family, remote[18:]), int.from_bytes(remote[:2], "big"))
                yield state, pid, source, endpoint, ranged, count

    def servers(self):
        """Each (state, pid, local port, peer, count); peer is None of folded ones."""
        for family, counts in self._servers.items():
            for (state, pid, port, peer), count in counts.items():
                address = sockets.text(family, peer) if peer else None
                yield state, pid, int.from_bytes(port, "big"), address, count

    def undrained(self):
        """{pid: number of its ESTABLISHED connections with a large receive queue}."""
        return {pid: count for pid, count in self._undrained.items() if pid > 0}
