from __future__ import annotations

import pytest

from fleet_agent.redact import MASK, redact, redact_text

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "words",
    [
        ["mysql", "-uroot", f"-p{SECRET}", "shop"],
        ["/usr/bin/mysqldump", "--password=" + SECRET, "shop"],
        ["psql", "--password", SECRET],
        ["env", f"PGPASSWORD={SECRET}", "psql"],
        ["app", f"--db-password={SECRET}"],
        ["app", "--api-key", SECRET],
        ["app", "-Dspring.datasource.password=" + SECRET],
        ["app", f"--token:{SECRET}"],
        ["curl", "-u", f"root:{SECRET}", "http://db1/"],
        ["curl", f"-uroot:{SECRET}", "http://db1/"],
        ["curl", f"https://root:{SECRET}@db1/x"],
        ["app", f"postgresql://shop:{SECRET}@db1:5432/shop"],
        ["app", f"amqp://a:{SECRET}@q1,amqp://a:{SECRET}@q2"],
        ["curl", "-H", f"Authorization: Bearer {SECRET}"],
        ["curl", "-H", f"X-Api-Key: {SECRET}"],
        ["curl", f"http://x/?token={SECRET}&page=2"],
        ["curl", f"http://x/?page=2&access_token={SECRET}"],
        ["redis-cli", "-a", SECRET],
        ["redis-server", "--requirepass", SECRET],
        ["sshpass", "-p", SECRET, "ssh", "web1"],
        ["sh", "-c", f"PGPASSWORD={SECRET} psql shop"],
        ["sh", "-c", f"mysqladmin --password {SECRET} status"],
        ["app", "AKIA" + "ABCDEFGH12345678"],
        ["app", "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"],
        ["app", "Bearer", SECRET],
        ["app", f'{{"password": "{SECRET}"}}'],
    ],
)
def test_secrets_are_hidden(words: list[str]) -> None:
    shown = redact(words)
    assert SECRET not in shown
    assert "ABCDEFGH12345678" not in shown
    assert "abcdefghijklmnop" not in shown
    assert MASK in shown
    assert shown.split()[0] == words[0]


@pytest.mark.parametrize(
    "words",
    [
        ["nginx:", "master", "process", "/usr/sbin/nginx", "-g", "daemon on;"],
        ["java", "-Xmx4g", "-jar", "shop.jar", "--server.port=8080"],
        ["mkdir", "-p", "/srv/data"],
        ["sshd:", "root@pts/0"],
        ["python3", "/opt/passwords/report.py", "--out=/tmp/x"],
        ["postgres:", "shop", "shop", "10.0.0.1(51234)", "idle"],
        ["app", "http://db1:5432/shop?page=2"],
        ["app", "--password-file=/etc/app/secret"],
        [],
    ],
)
def test_the_harmless_stays(words: list[str]) -> None:
    assert redact(words) == " ".join(words)


def test_free_text_loses_credentials_only() -> None:
    assert redact_text(f"connect to redis://:{SECRET}@cache1:6379 failed") == (
        f"connect to redis://{MASK}@cache1:6379 failed"
    )
