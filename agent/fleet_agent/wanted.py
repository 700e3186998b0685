"""Find the processes an operator names: by name, by program, or by the script an interpreter runs."""

COMMANDS_LIMIT = 5000
NAME_LENGTH = 15  # the kernel keeps no more of a name (TASK_COMM_LEN)
INTERPRETERS = (
    *("python", "perl", "ruby", "node", "java", "php", "lua", "mono", "dotnet", "Rscript", "beam"),
    *("bash", "sh", "dash", "ksh", "zsh"),
)
VALUE_OPTIONS = (
    "-W",
    "-X",
    "-I",
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "-r",
    "--require",
)
ENDINGS = (".py", ".pl", ".rb", ".js", ".jar", ".sh", ".php", ".pyc", ".mjs", ".dll")


def find(section):
    """[(wanted name, [pid, ...])]; zombies and kernel threads are not alive in this sense.

    Command lines are read only while a name is not found otherwise, as reading one can block.
    """
    rows = [row for row in section.table.rows.values() if not row.kernel and row.state not in "ZX"]
    names = list(section.request["processes"])
    found = {name: [row.pid for row in rows if row.name == name[:NAME_LENGTH]] for name in names}
    missing = [name for name in names if not found[name]]
    if missing and section.table.commands:
        for row in section.cut("wanted", rows, COMMANDS_LIMIT):
            for title in _titles(section.table, row):
                if title in found and title in missing:
                    found[title].append(row.pid)
    elif missing:
        section.note("wanted", "timeout: command lines could not be read")
    return [(name, found[name]) for name in names]


def titles(words):
    """The names a command line goes by: its program's, and its script's with and without the ending."""
    if not words:
        return set()
    program = _last(words[0].split(" ", 1)[0].rstrip(":"))
    names = {program}
    if program.lower().startswith(INTERPRETERS):
        script = _script(words)
        if script:
            names.add(script)
            names.update(script[: -len(ending)] for ending in ENDINGS if script.endswith(ending))
    return names


def _titles(table, row):
    if table.stuck(row):
        return ()
    try:
        return titles(table.words(row.pid))
    except OSError:
        return ()


def _script(words):
    """What an interpreter runs: its first argument that is no option, or what -jar, -m or a class names."""
    skip = False
    for position, word in enumerate(words[1:], 1):
        if skip:
            skip = False
        elif word in ("-jar", "-m") and position + 1 < len(words):
            return _last(words[position + 1])
        elif word in ("-c", "-e"):
            return None
        elif word in VALUE_OPTIONS:
            skip = True
        elif not word.startswith("-"):
            return _last(word)
    return None


def _last(path):
    return path.rstrip("/").rsplit("/", 1)[-1]
