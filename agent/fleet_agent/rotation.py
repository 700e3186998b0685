"""What rotates a log file, and when it last did: logrotate's rules and state, or a container engine."""

from fleet_agent import logrotate

CRON_DAEMONS = frozenset(("anacron", "bcron-sched", "cron", "crond", "dcron", "fcron"))
DOCKER = "/var/lib/docker/containers/"


class Rotation(object):
    """What logrotate is told to do, has done, and cannot do."""

    def __init__(self, section):
        self.section = section
        self.host = section.host
        self.rules = logrotate.Rules(self.host)
        self.known = True
        self.skipped = set()
        try:
            self.rules.read()
        except FileNotFoundError:
            pass
        except OSError as fault:
            self.known = not isinstance(fault, PermissionError)
            section.note("rotation", "denied" if not self.known else "error: %s" % fault)
        if self.rules.unreadable:
            self.known = False
            section.note("rotation", "denied: " + ", ".join(self.rules.unreadable[:5]))
        self.state, self.last_run_at = section.fact("last_rotation", logrotate.read_state, self.host) or (
            {},
            None,
        )

    def of(self, path):
        """The Rotation fact of a file, or None where a rule that nobody may read could cover it."""
        if path.startswith(DOCKER):
            return self._docker(path)
        name = logrotate.original_name(path)
        rules = self.rules.covering(path) or self.rules.covering(name)
        if not rules:
            return {"covered": False} if self.known else None
        rule = rules[0]
        if not rule.covers(path):
            path = name
        self._check(rules, path)
        fact = {
            "covered": True,
            "rule": rule.file,
            "period": rule.period,
            "last_at": self.state.get(path),
            "copytruncate": rule.options.get("copytruncate", False),
            "postrotate": "postrotate" in rule.options or "lastaction" in rule.options,
        }
        return {key: value for key, value in fact.items() if value is not None}

    def is_rotated_name(self, path):
        """Whether the file was renamed by logrotate, so that its writer should have left it."""
        name = logrotate.original_name(path)
        return name != path and (bool(self.rules.covering(name)) or self.host.exists(name))

    def fact(self):
        """The Logrotate fact."""
        scheduled = logrotate.scheduled(self.host)
        problems = self.rules.problems + sorted(self.skipped)
        if scheduled == "cron" and self.host.live and not self._cron_runs():
            problems.append("scheduled by cron, but no cron daemon runs")
        fact = {
            "installed": logrotate.is_installed(self.host),
            "last_run_at": self.last_run_at,
            "scheduled": scheduled,
            "problems": self.section.cut("problems", problems, 20),
        }
        return {name: value for name, value in fact.items() if value is not None}

    def _cron_runs(self):
        return any(row.name in CRON_DAEMONS for row in self.section.table.rows.values())

    def _check(self, rules, path):
        """What makes logrotate skip a file that a rule covers."""
        if len(rules) > 1:
            self.skipped.add("%s: in two rules, %s and %s" % (path, rules[0].file, rules[1].file))
        directory = path.rpartition("/")[0]
        try:
            status = self.host.stat(directory)
        except OSError:
            return
        writable = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != 0)
        if writable and "su" not in rules[0].options:
            self.skipped.add(
                "%s: skipped by logrotate: %s is writable by group or others and %s has no su"
                % (path, directory, rules[0].file)
            )

    def _docker(self, path):
        """The engine rotates a container's log itself, where its configuration has a max-size."""
        config = path.rpartition("/")[0] + "/hostconfig.json"
        try:
            covered = '"max-size":"' in self.host.read(config).replace(" ", "")
        except PermissionError:
            return None
        except OSError:
            covered = False
        return {"covered": True, "rule": config, "period": "size"} if covered else {"covered": False}
