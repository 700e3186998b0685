"""Take secrets out of command lines before they leave the host."""

MASK = "***"
SECRET_WORDS = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
)
SECRET_NAMES = (
    "pass",
    "pwd",
    "pw",
    "pgpassword",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "requirepass",
    "pat",
)
SCHEMES = ("bearer", "basic", "token", "digest", "negotiate", "apikey")
TOKENS = (
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xox",
    "sk-",
    "sk_live_",
    "eyJ",
    "hvs.",
)
TOKEN_LENGTH = 16  # of the shortest of TOKENS: an AWS access key has 20
SHORT = {  # programs whose short options carry a secret, glued or as the next word
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mariadb": "-p",
    "mariadb-dump": "-p",
    "mariadb-admin": "-p",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "sshpass": "-p",
    "redis-cli": "-a",
    "curl": "-u",
    "ldapsearch": "-w",
    "smbclient": "-U",
    "sqlcmd": "-P",
    "wget": "",
}
GLUED_ONLY = ("mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "mariadb-admin")


def redact(words):
    """A command line, given as a list of words, as one text with every likely secret replaced by ``***``.

    It would rather hide a harmless word than show a secret: values of options and variables with telling
    names, credentials in URLs, authorisation headers, known token forms, and ``-p`` of database clients.
    """
    if not words:
        return ""
    short = SHORT.get(words[0].rsplit("/", 1)[-1], "")
    glued_only = words[0].rsplit("/", 1)[-1] in GLUED_ONLY
    shown = []
    hide_next = False
    for word in words:
        if hide_next and not _is_option(word):
            hide_next = word.lower() in SCHEMES  # "Authorization: Bearer" and then the secret itself
            shown.append(word if hide_next else MASK)
            continue
        hide_next = _announces(word) or (word == short != "" and not glued_only)
        glued = short and word.startswith(short) and len(word) > len(short) and word[:2] != "--"
        shown.append(short + MASK if glued else redact_text(word))
    return " ".join(shown)


def redact_text(text):
    """One word, or a line of free text, without the secrets that betray themselves."""
    if "://" in text:
        text = _without_credentials(text)
    if "=" in text or ":" in text or " " in text:
        text = _without_values(text)
    for form in TOKENS:
        if form in text:
            text = " ".join(_without_token(word, form) for word in text.split(" "))
    return text


def is_secret(name):
    """Whether the name of an option or a variable says that its value is a secret."""
    name = name.lstrip("-").lower()
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if any(word in plain for word in SECRET_WORDS):
        return not plain.endswith(("file", "path", "dir"))
    return name in SECRET_NAMES or name.replace("-", "_").rsplit("_", 1)[-1] in SECRET_NAMES


def _is_option(word):
    return word.startswith("--")


def _announces(word):
    """Whether the word after this one is a secret: ``--password X``, ``-H Authorization: Bearer X``."""
    if word.startswith("-") and "=" not in word:
        return is_secret(word)
    return word.lower().rstrip(":") in SCHEMES[:1] or (word.endswith(":") and is_secret(word[:-1]))


def _without_credentials(text):
    """``https://user:secret@host`` becomes ``https://***@host``."""
    parts = text.split("://")
    for index in range(1, len(parts)):
        authority = parts[index].split("/", 1)[0].split(" ", 1)[0]
        at = authority.rfind("@")
        if at >= 0:
            parts[index] = MASK + parts[index][at:]
    return "://".join(parts)


def _without_values(text):
    """``PGPASSWORD=x``, ``--token=x``, ``Authorization: x``, ``?token=x&`` keep only the name."""
    shown = []
    hide_next = False
    for piece in text.split(" "):
        if hide_next and piece:
            hide_next = piece.lower() in SCHEMES
            shown.append(piece if hide_next else MASK)
            continue
        shown.append("&".join(_without_value(part) for part in piece.split("&")))
        hide_next = _announces(piece)
    return " ".join(shown)


def _without_value(part):
    for sign in "=:":
        name, found, value = part.partition(sign)
        bare = (
            name.replace("?", " ")
            .replace(";", " ")
            .replace(",", " ")
            .replace('"', " ")
            .replace("'", " ")
            .split()
        )
        if found and value and bare and not value.startswith("//") and is_secret(bare[-1]):
            return name + sign + MASK
    return part


def _without_token(word, form):
    at = word.find(form)
    if at < 0 or len(word) - at < TOKEN_LENGTH or (at and word[at - 1].isalnum()):
        return word
    return word[:at] + MASK
