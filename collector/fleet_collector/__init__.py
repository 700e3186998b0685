"""From a list of hosts to stored, judged snapshots."""
