from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    "line",
    [
        "sudo -u app mysql -pSECRET shop",
        'sh -c "mysqldump -u root -pSECRET shop | gzip"',
        "curl -su root:SECRET http://db1/",
        "curl --user root:SECRET http://db1/",
        "curl -b session=SECRET http://db1/",
        "curl -H 'Cookie: a=SECRET; b=SECRET' http://db1/",
        "curl -H Authorization:'Bearer SECRET' http://db1/",
        "sh -c \"curl -H 'Authorization: Basic SECRET' http://db1/\"",
        """curl -d '{"user": "shop", "password": "SECRET with SECRET"}' http://db1/""",
        """app '{"token":"SECRET","password": "SECRET"}'""",
        "curl 'https://s3/x?X-Amz-Credential=SECRET&X-Amz-Signature=SECRET'",
        "git -c http.extraHeader='Authorization: Basic SECRET' fetch",
        "java -Ddb.pass=SECRET -Dkey.storePassword=SECRET -jar shop.jar",
        "docker run --env=DB_PASSWORD=SECRET -eX_TOKEN=SECRET shop",
        "docker login -u shop -p SECRET",
        "mount -t cifs -o username=shop,password=SECRET,vers=3 //nas/x /mnt",
        "app 'Server=db1;User Id=sa;Password=SECRET;Database=x'",
        "app 'AccountName=x;AccountKey=SECRET==;EndpointSuffix=y'",
        "helm upgrade --set replicas=2,db.password=SECRET shop",
        "terraform apply -var=db_password=SECRET",
        "kubectl create secret generic x --from-literal=anything=SECRET",
        "app --signing-key=SECRET --dbpass SECRET --db-passwd=SECRET",
        "app amqp://shop:SEC/SECRET@q1//",
        "app 'shop:SECRET@tcp(db1:3306)/shop'",
        "openssl rsa -passin pass:SECRET",
        "openssl enc -k SECRET",
        "sqlplus shop/SECRET@db1",
        "redis-server --masterauth SECRET",
        "aws configure set aws_secret_access_key SECRET",
        "consul agent -encrypt SECRET",
        "ipmitool -U root -P SECRET power status",
        "smbclient -Ushop%SECRET //nas/x",
        "7z a -pSECRET x.7z",
        "node -e \"const password = 'SECRET'\"",
        "sh -c \"export DB_PASS='SECRET SECRET'; run\"",
        "app '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----'",
        "curl https://hooks.slack.com/services/T00/B00/SECRET",
    ],
)
def test_secrets_are_hidden_in_every_form_people_use(line: str) -> None:
    assert SECRET not in redact(shlex.split(line.replace("SECRET", SECRET)))


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
        ["app", "--token-file", "/run/x", "--token-ttl", "300", "--password-min-length=8"],
        ["app", "--max-tokens", "400", "--tokenizer", "fast", "--auth-type", "basic", "--auth=none"],
        ["uvicorn", "app:main", "--port", "80", "-p", "8080"],
        ["ssh", "-p", "2222", "-i", "/root/.ssh/id_rsa", "web1"],
        ["nmap", "-p", "8080", "web1"],
        ["mysql", "-P", "3306", "-p", "shop"],
        ["docker", "run", "-p", "8080:80", "-v", "/srv/secret:/x", "registry/auth-token:2"],
        ["docker", "pull", "shop@sha256:0123"],
        ["cat", "/etc/passwd"],
        ["scp", "x", "root@web1:/srv"],
        ["kube-apiserver", "--authorization-mode=Node,RBAC", "--service-account-key-file=/x"],
        ["redis-server", "*:6379"],
        ["auth:", "worker", "process"],
        ["java", "-cp", "/opt/a:/opt/b", "-Dauthentication.enabled=true", "Main"],
        ["sshd: shop [priv]"],
        [],
    ],
)
def test_the_harmless_stays(words: list[str]) -> None:
    assert redact(words) == " ".join(words)


def test_free_text_loses_credentials_only() -> None:
    assert redact_text(f"connect to redis://:{SECRET}@cache1:6379 failed") == (
        f"connect to redis://{MASK}@cache1:6379 failed"
    )


@given(st.lists(st.text(alphabet="ab-_=:;,&?@/'\" \n.{}pP", max_size=40), max_size=6))
def test_any_words_give_one_text(words: list[str]) -> None:
    assert isinstance(redact(words), str)


def test_text_of_a_cookie_is_hidden_to_its_end_and_a_log_line_is_not() -> None:
    assert redact_text(f"Cookie: a={SECRET}; b=2") == f"Cookie: {MASK}"
    line = "Failed password for root from 10.0.0.1 port 22 ssh2"
    assert redact_text(line) == line
