"""Take secrets out of command lines before they leave the host.

It would rather hide a harmless word than show a secret, but a word that nothing marks as one stays.
"""

MASK = "***"
SECRETS = (  # how a word of a name ends whose value is a secret: DB_PASSWORD, accessToken, requirepass
    *("password", "passwd", "passphrase", "passcode", "pass", "pwd", "secret", "token", "tokens", "psk"),
    *("apikey", "accesskey", "secretkey", "privatekey", "sharedkey", "accountkey"),
    *("credential", "credentials"),
)
LAST = frozenset(  # the last word of such a name
    "auth masterauth authorization bearer cookie pat pw otp sig signature literal".split()  # noqa: SIM905
)
NAME_LENGTH = 60  # no name is longer: only its end counts
HEADERS = ("authorization", "cookie")
KEYS = frozenset(  # before "key", as in --signing-key
    "api access secret private shared account encryption signing master session auth app jwt hmac".split()  # noqa: SIM905
)
HARMLESS_ENDS = frozenset(  # --token-file, --password-min-length, --auth-type
    """file path dir type name length ttl policy method mode url uri timeout size count expiry limit prompt
    enabled provider format header prefix store""".split()  # noqa: SIM905 - shorter
)
HARMLESS_STARTS = frozenset("no max min num n ask enable disable skip".split())  # noqa: SIM905 - --max-tokens
HARMLESS_WORDS = frozenset(("bypass", "compass"))
HARMLESS_VALUES = frozenset(("", "none", "true", "false", "yes", "no", "on", "off", "null"))
SCHEMES = frozenset(("bearer", "basic", "token", "digest", "negotiate", "apikey"))
TOKENS = (
    *("AKIA", "ASIA", "AIza", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "dckr_pat_", "npm_"),
    *("xox", "sk-", "sk_live_", "sk_test_", "rk_live_", "eyJ", "hvs.", "pypi-", "SG.", "ya29."),
    "hooks.slack.com/services/",
)
TOKEN_LENGTH = 16  # of the shortest of TOKENS: an AWS access key has 20
SIGNS = frozenset("=:@ \n'\"")  # without any of them, only a token could be a secret
GLUED = ("-p", "-hp")  # of programs that take a secret in the same word only: the next one is a database
OPTIONS = {  # programs with options that carry a secret, though their names do not say so
    "mysql mysqldump mysqladmin mysqlcheck mysqlimport mariadb mariadb-dump mariadb-admin": GLUED,
    "7z 7za 7zr rar": GLUED,
    "mongo mongosh mongodump mongorestore mongoexport mongoimport sshpass rdesktop login": ("-p",),
    "curl": ("-u", "-U", "-b", "--user", "--proxy-user"),
    "redis-cli http https": ("-a",),
    "lftp": ("-u",),
    "etcdctl": ("--user",),
    "ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami": ("-w",),
    "smbclient rpcclient": ("-U",),
    "sqlcmd bcp isql tsql ipmitool zip unzip": ("-P",),
    "snmpget snmpwalk snmpbulkwalk snmptrap": ("-A", "-X", "-c"),
    "openssl": ("-k", "-K"),
    "consul nomad serf": ("-encrypt",),
    "sqlplus expdp impdp sqlldr": ("/",),  # user/secret@database
}
PROGRAMS = {name: options for names, options in OPTIONS.items() for name in names.split()}


def redact(words, most=1 << 20):
    """A command line, given as a list of words, as one text with every likely secret replaced by ``***``.

    Hidden are the values of options, variables and headers with telling names, credentials in URLs, known
    forms of tokens, and what certain programs take as a secret; also inside of words, as after ``sh -c``.
    Only the first ``most`` characters matter.
    """
    return _without_tokens(_line(words, most))[:most]


def redact_text(text, most=1 << 20):
    """The same of a line of free text, or of one word: without the secrets that betray themselves."""
    return _without_tokens(_text(text, most))[:most]


def _line(words, most):
    shown = []
    size = 0
    options = ()
    hide = False
    before = ""
    for word in words:
        if hide and not word.startswith("--"):
            hide = word.lower() in SCHEMES  # "Authorization: Bearer" and then the secret itself
            shown.append(word if hide else MASK)
        else:
            options = PROGRAMS.get(word.rpartition("/")[2], options)
            hide = _announces(word, before) or (options is not GLUED and _is_one_of(word, options))
            shown.append(_without_option(word, options) or _text(word, most))
        before = word
        size += len(shown[-1]) + 1
        if size > most:
            break
    return " ".join(shown)


def _text(text, most):
    if SIGNS.isdisjoint(text):
        return text
    if "PRIVATE KEY-----" in text:
        return text[: text.index("-----")] + MASK
    name, colon, value = text.partition(":")
    if " " in value and " " not in name and is_secret(name) and ("-" in name or _parts(name)[-1] in HEADERS):
        return name + colon + " " * value.startswith(" ") + MASK  # to its end: a cookie has spaces
    words = [word.strip() for word in split(text, " \n")]
    if len(words) > 1:
        return _line([word for word in words if word], most)
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[0] + _text(text[1:-1], most) + text[0]
    return _without_values(_without_login(text))


def is_secret(name):
    """Whether the name of an option or a variable says that its value is a secret."""
    parts = _parts(name)
    if not parts or parts[-1] in HARMLESS_ENDS or parts[0] in HARMLESS_STARTS:
        return False
    if any(part.endswith(SECRETS) and part not in HARMLESS_WORDS for part in parts):
        return True
    return parts[-1] in LAST or (parts[-1] == "key" and bool(KEYS.intersection(parts)))


def split(text, signs):
    """The pieces of a text, each from one of ``signs`` to the next; those within quotes do not count."""
    if not any(sign in text for sign in signs):
        return [text]
    starts = [0]
    quote = ""
    for place, sign in enumerate(text):
        if sign == quote:
            quote = ""
        elif not quote and sign in signs:
            starts.append(place)
        elif not quote and sign in "'\"" and sign in text[place + 1 :]:
            quote = sign
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]  # noqa: B905 - 3.10


def _parts(name):
    """The words of a name, in small letters: ``-Dapp.keyStorePassword2`` is d, app, key, store, password."""
    spaced = ""
    for letter in name[-NAME_LENGTH:]:
        if letter.isupper() and spaced[-1:].islower():
            spaced += " "
        spaced += letter if letter.isalpha() else " "
    return spaced.lower().split()


def _announces(word, before):
    """Whether the next word is a secret: ``--password X``, ``"password": X``, ``token = X``, ``Bearer X``."""
    if word in ("=", ":", "=>"):
        return is_secret(before)
    if word.endswith(":"):  # "auth: worker process" is no header
        return is_secret(word) and (word[-2:-1] in "'\"" or _parts(word) != ["auth"])
    if any(sign in word for sign in "=:/ \n"):
        return False
    return word.lower() == "bearer" or ((word[:1] == "-" or "_" in word) and is_secret(word))


def _is_one_of(word, options):
    """Whether a word is one of these options, or short ones together with one of these at their end."""
    if word in options or not options:
        return word in options
    letters = word[1:]
    together = word[:1] == "-" and letters.isalpha() and len(letters) < 4
    return together and "-" + letters[-1] in options and "-" + letters[0] not in options


def _without_option(word, options):
    """A word that is one of these options together with its value, else None."""
    for option in options:
        if option == "/" and "/" in word[1:] and word[0] not in "/-.@":
            name, _, rest = word.partition("/")
            return name + "/" + MASK + "".join(rest.rpartition("@")[1:] if "@" in rest else ())
        glued = option[:1] == "-" and len(option) < 4 and word.startswith(option) and word != option
        if glued or word.startswith(option + "="):
            return option + MASK
    return None


def _without_login(word):
    """``https://user:secret@host`` becomes ``https://***@host``, ``user:secret@host`` ``user:***@host``."""
    if "@" not in word:
        return word
    parts = word.split("://")
    for place in range(1, len(parts)):
        login, at, host = parts[place].rpartition("@")
        port = login.partition(":")[2]
        if at and ("/" not in login or (port and not port[0].isdigit())):  # a secret may hold a slash
            parts[place] = MASK + at + host
    if len(parts) == 1:
        login, at, host = word.rpartition("@")
        name, colon, secret = login.partition(":")
        if secret and name and not name[0].isdigit() and "/" not in name and not host.startswith("sha256:"):
            return name + colon + MASK + at + host
    return "://".join(parts)


def _without_values(word):
    """``PGPASSWORD=x``, ``-o user=a,password=x``, ``?token=x&page=2``, ``{"secret":"x"}`` keep the name."""
    if "=" not in word and ":" not in word:
        return word
    shown = []
    hidden = False
    for piece in split(word, "&;,?"):
        plain = _without_value(piece)
        if hidden and "=" not in piece and ":" not in piece:
            continue  # a secret with one of the signs in it
        hidden = plain != piece
        shown.append(plain)
        if hidden and len(shown) == 1 and (word[0] == "-" or word[0].isalnum()):
            break  # an option or a variable, whose value goes on to the end
    return "".join(shown)


def _without_value(piece):
    places = [place for place in (piece.find("="), piece.find(":")) if place >= 0]
    if not places:
        return piece
    name, value = piece[: min(places)], piece[min(places) + 1 :]
    if "/" not in name and value.strip("'\"").lower() not in HARMLESS_VALUES and not value.startswith("//"):
        is_key = _parts(name) == ["key"] and len(value) > 7 and "/" not in value and "." not in value
        if is_key or is_secret(name):
            return piece[: min(places) + 1] + MASK
    return piece[: min(places) + 1] + _without_value(value)


def _without_tokens(text):
    """A line whose words are cut where one of TOKENS begins in them."""
    for form in TOKENS:
        if form in text:
            text = " ".join([_without_token(word, form) for word in text.split(" ")])
    return text


def _without_token(word, form):
    at = word.find(form)
    if at < 0 or len(word) - at < TOKEN_LENGTH or word[at - 1 : at].isalnum():
        return word
    return word[:at] + MASK
