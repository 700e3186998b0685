"""Shell patterns without the re module, whose import costs more than all matching here."""


def matches(name, pattern):
    """Whether a name without slashes matches a pattern of glob(7): ``*``, ``?``, ``[a-z]``, ``[!a-z]``."""
    at = place = 0
    star = resume = -1
    while at < len(name):
        width = _one(name[at], pattern, place)
        if width:
            at, place = at + 1, place + width
        elif pattern[place : place + 1] == "*":
            star, resume = place, at
            place += 1
        elif star >= 0:  # let the last star take one character more
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def _one(character, pattern, place):
    """How much of the pattern this one character uses up; 0 where it does not fit."""
    wanted = pattern[place : place + 1]
    if wanted == "[":
        end = pattern.find("]", place + 2 + (pattern[place + 1 : place + 2] in ("!", "^")))
        if end > 0:
            return end + 1 - place if _in_set(character, pattern[place + 1 : end]) else 0
    return 1 if wanted == "?" or (wanted == character and wanted != "*") else 0


def _in_set(character, members):
    negated = members[:1] in ("!", "^")
    members = members[1:] if negated else members
    found = character in members
    for place in range(1, len(members) - 1):
        if members[place] == "-" and members[place - 1] <= character <= members[place + 1]:
            found = True
    return found != negated
