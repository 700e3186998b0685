from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_collector.errors import InventoryError
from fleet_collector.inventory import LARGEST_FILE_BYTES, Target, read
from fleet_collector.inventory.hostsfile import parse


def hosts(text: str, *limit: str) -> dict[str, Target]:
    return {target.name: target for target in read(["-"], io.BytesIO(text.encode()), limit)}


def refusal(text: str | bytes, *limit: str) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InventoryError) as caught:
        read(["-"], io.BytesIO(content), limit)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("web1", [("web1", None, None)]),
        ("root@db1:2222", [("db1", "root", 2222)]),
        ("me@corp@db1", [("db1", "me@corp", None)]),
        ("web[01-03].example.com", [(f"web{n}.example.com", None, None) for n in ("01", "02", "03")]),
        ("root@web[1-5/2]:22", [("web1", "root", 22), ("web3", "root", 22), ("web5", "root", 22)]),
        ("web[08:10]", [("web08", None, None), ("web09", None, None), ("web10", None, None)]),
        ("web[1:5:4]", [("web1", None, None), ("web5", None, None)]),
        ("a[1-2]1[3-4]", [(f"a{n}", None, None) for n in ("113", "114", "213", "214")]),
        ("[1-2]9999999999999", [(f"{n}9999999999999", None, None) for n in (1, 2)]),
        ("db-[a:c]", [("db-a", None, None), ("db-b", None, None), ("db-c", None, None)]),
        (
            "r[1-2]n[1,3]",
            [("r1n1", None, None), ("r1n3", None, None), ("r2n1", None, None), ("r2n3", None, None)],
        ),
        ("::1", [("::1", None, None)]),
        ("root@[2001:db8::7]:2222", [("2001:db8::7", "root", 2222)]),
        ("[fe80::1%eth0]", [("fe80::1%eth0", None, None)]),
        ("10.0.0.[1-2]:22", [("10.0.0.1", None, 22), ("10.0.0.2", None, 22)]),
    ],
)
def test_every_form_of_an_expression(
    expression: str, expected: list[tuple[str, str | None, int | None]]
) -> None:
    for targets in (hosts(expression).values(), read([expression])):
        assert [(target.name, target.user, target.port) for target in targets] == expected


def test_ansible_forms() -> None:
    found = hosts(
        """
        # the shop
        gateway ansible_host=192.0.2.1 ; not a comment=x
        """.replace(" ; not a comment=x", "")
        + """
[web]
web[01:02] ansible_port=2200 note='two words'   # trailing
[db]
db1
web01
[shop:children]
web
db
[shop:vars]
ansible_user = deploy
region=north
[db:vars]
ansible_user=postgres
ansible_ssh_private_key_file=~/.ssh/db
[all:vars]
region=south
owner=ops
"""
    )
    assert list(found) == ["gateway", "web01", "web02", "db1"]
    assert found["gateway"].address == "192.0.2.1"
    assert found["gateway"].variables == {"region": "south", "owner": "ops"}
    assert found["web02"] == Target(
        name="web02",
        port=2200,
        user="deploy",
        groups=("shop", "web"),
        variables={"region": "north", "owner": "ops", "note": "two words"},
        source="-:6",
    )
    assert (found["db1"].user, found["db1"].key_file, found["db1"].groups) == (
        "postgres",
        "~/.ssh/db",
        ("shop", "db"),
    )
    assert found["web01"].groups == ("shop", "db", "web")


def test_what_ansible_says_of_groups_and_values() -> None:
    found = hosts(
        """
alone
[first]
a
[second]
a
[first:vars]
ansible_group_priority=10
x=first
motd = it's "fine"  # as Ansible, no quotation
name = 'in quotes' # a comment
[second:vars]
x=second
[ungrouped:vars]
x=alone
[all:children]
second
"""
    )
    assert found["alone"].variables == {"x": "alone"}
    assert found["a"].variables == {"x": "first", "motd": 'it\'s "fine"', "name": "in quotes"}
    assert found["a"].groups == ("second", "first")


def test_arguments_of_ssh_are_lines_of_its_configuration() -> None:
    found = hosts(
        """
[web]
web1
web2 ansible_ssh_extra_args='-J gate -p 2200 -4 -Cq'
[web:vars]
ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p gate" -oStrictHostKeyChecking=no'
"""
    )
    shared = ("ProxyCommand=ssh -W %h:%p gate", "StrictHostKeyChecking=no")
    assert found["web1"].ssh_options == shared
    assert found["web2"].ssh_options == (*shared, "ProxyJump gate", "Port 2200", "AddressFamily inet")


def test_only_this_machine_is_asked_without_ssh() -> None:
    text = "localhost ansible_connection=local\nme ansible_host=127.0.0.1 ansible_connection=local\n"
    found = hosts(text + "switch ansible_connection=local\n[::1]\n")
    assert [target.local for target in found.values()] == [True, True, False, False]


def test_what_ansible_inventory_prints_is_read() -> None:
    found = hosts(
        """{"_meta": {"hostvars": {"db1": {"ansible_host": "10.0.0.5", "ansible_port": 2222, "disks": [1]}}},
        "all": {"children": ["ungrouped", "shop"]}, "shop": {"children": ["db"],
        "vars": {"ansible_user": "ops"}},
        "db": {"hosts": ["db1", "db2"]}, "ungrouped": {"hosts": ["web1"]}}"""
    )
    assert found["db1"] == Target(
        name="db1", address="10.0.0.5", port=2222, user="ops", groups=("shop", "db"), source="-"
    )
    assert (found["db2"].user, found["web1"].user) == ("ops", None)


def test_same_host_twice_is_one_target_and_a_written_port_makes_another() -> None:
    found = hosts("web1 ansible_port=2200\nweb1 ansible_user=ops\nlb\nlb:2222\n[::1]:1\n[::1]:2\nx:9\n")
    assert [(t.name, t.address, t.port, t.user) for t in found.values()] == [
        ("web1", None, 2200, "ops"),
        ("lb", None, None, None),
        ("lb:2222", "lb", 2222, None),
        ("[::1]:1", "::1", 1, None),
        ("[::1]:2", "::1", 2, None),
        ("x", None, 9, None),
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("ok\nroot@web1\n[g]\nbob@web1", "-:4", "two different values for user"),
        ("a ansible_port=1 ansible_host=b\na ansible_host=c", "-:2", "address: b and c"),
        ("bob@a ansible_user=eve", "-:1", "two different values for user"),
        ("ok\n\nweb 1", "-:3", "key=value"),
        ("10.0.0.1 web1 alias", "-:1", "one host a line"),
        ("web1:0", "-:1", "not a port"),
        ("web1:99999", "-:1", "not a port"),
        ("web1:ssh", "-:1", "not a port"),
        ("web1:١٢", "-:1", "not a port"),
        ("-oProxyCommand=id", "-:1", "not a host name"),
        ("web1\x1b[31m", "-:1", "closed"),
        ("web\u202e1", "-:1", "not a host name"),
        ("a$(id)", "-:1", "not a host name"),
        ("-l@web1", "-:1", "not a login name"),
        ("a;b@web1", "-:1", "not a login name"),
        ("w" * 256, "-:1", "longer than 255"),
        ("w" * 20_000, "-:1", "longer than"),
        ("web[1-999999999]", "-:1", "the most is 100000"),
        ("web[1-400][1-400]", "-:1", "160000 hosts"),
        ("web[3-1]", "-:1", "not a range"),
        ("web[1-", "-:1", "bracket"),
        ("web[*]", "-:1", "not a range"),
        ("@all", "-:1", "--limit"),
        ("web1 'x", "-:1", "quotation mark"),
        ("web1 ansible_host=a;b", "-:1", "not a host name"),
        ("---\nall:\n", "-:1", "YAML"),
        ("[a:b]\n", "-:1", "[a:vars]"),
        ("[sp ace]\n", "-:1", "not a group"),
        ("[g:vars]\nnonsense\n", "-:2", "key=value"),
        ("[g]\na\n[g:vars]\nansible_port=x\n", "-:4", "not a port"),
        ("[g:children]\nnowhere\n", "-:2", "nowhere"),
        ("[web]\nx\n[wbe:vars]\na=b\n", "-:3", "did you mean web?"),
        ("[a]\nx\n[a:children]\nb\n[b:children]\na\n", "-:6", "contain each other"),
        ("[a]\nx\n[a:children]\na\n", "-:4", "a in a"),
        ("a ansible_hots=10.0.0.1", "-:1", "did you mean ansible_host?"),
        ("a ansible_host = 10.0.0.1", "-:1", "a space beside the ="),
        ("a ansible_host={{ ip }}", "-:1", "is a template"),
        ("a ansible_host='{{ ip }}'", "-:1", "is a template"),
        ("a ansible_ssh_common_args='-o'", "-:1", "not arguments of ssh"),
        ("a ansible_ssh_common_args='gate'", "-:1", "'gate' is no option"),
        ("a ansible_ssh_common_args='-F x'", "-:1", "--ssh-config"),
        ("[a]\nx\n[a:vars]\nansible_group_priority=high\n", "-:4", "whole number"),
        ("bücher.example", "-:1", "xn--bcher-kva.example"),
        (b"ok\n\xff\xfe\n", "-:2", "UTF-8"),
        ("# sites\nall:\n  hosts:\n", "-:2", "ansible-inventory -i INVENTORY --list | fleet scan -"),
        ("- hosts: all\n", "-:1", "YAML"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "-:1", "key=value"),
        ("#!/bin/sh\necho '{}'\n", "-", "this is a program"),
        ('{"all": {"hosts": "web1"}}', "-", "Expected `array`"),
        ('{"all": {"hosts": ["a;b"]}}', "-", "not a host name"),
        ('{"all": {"hosts": []}', "-", "not what ansible-inventory --list prints"),
        (b"#" * (LARGEST_FILE_BYTES + 1), "-", "larger than"),
        ("# nothing\n", "-", "no host"),
    ],
)
def test_bad_line_is_refused_with_its_place(text: str | bytes, place: str, words: str) -> None:
    message = refusal(text)
    assert message.startswith(place)
    assert words in message
    assert message.isprintable()
    assert len(message) < 400


def test_words_are_files_or_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet").write_text("a\nb\n", "utf-8-sig")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [target.name for target in read(["fleet", "b", "c[1-2],d"])] == ["a", "b", "c1", "c2", "d"]
    assert [target.source for target in read(["fleet", "root@d"])] == ["fleet:1", "fleet:2", "root@d"]
    assert read(["folder"])[0].name == "folder"
    for word, words in (
        ("hosts.txt", "no such file"),
        ("./nothing", "no such file"),
        ("./folder", "directory"),
        ("a\0b", "not a host name"),
        ("w" * 5000, "longer"),
    ):
        with pytest.raises(InventoryError, match=words):
            read([word])
    for name, text in (("site.yml", "all:\n"), ("script", "#!/bin/sh\n"), ("plain", "all:\n  hosts:\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InventoryError, match=f"ansible-inventory -i {name} --list | fleet scan -"):
            read([name])
    with pytest.raises(InventoryError, match="name a hosts file"):
        read([])


def test_a_pipe_is_a_file() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"web[1-2]\n")
    os.close(writer)
    try:
        assert [target.name for target in read([f"/dev/fd/{reader}"])] == ["web1", "web2"]
    finally:
        os.close(reader)


FLEET = "top\n[web]\nweb[1-4]\n[db]\ndb1\n[shop:children]\nweb\ndb\n[lone]\nother\n"


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (("web2",), ["web2"]),
        (("web[2-3]", "db"), ["web2", "web3", "db1"]),
        (("shop,!web[1-3]",), ["web4", "db1"]),
        (("!web", "!other"), ["top", "db1"]),
        (("@lone",), ["other"]),
        (("web*",), ["web1", "web2", "web3", "web4"]),
        (("all", "!web?"), ["top", "db1", "other"]),
        (("ungrouped",), ["top"]),
        (("",), ["top", "web1", "web2", "web3", "web4", "db1", "other"]),
    ],
)
def test_limit(limit: tuple[str, ...], expected: list[str]) -> None:
    assert list(hosts(FLEET, *limit)) == expected


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("wbe1", "web1"),
        ("@web1", "no group"),
        ("web9", "names no host"),
        ("web,!web", "leaves no host"),
        ("we[", ""),
    ],
)
def test_limit_that_names_nothing_is_refused(limit: str, words: str) -> None:
    assert words in refusal(FLEET, limit)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
@example("[g:children]\ng\n")
@example("a[1-9/0]")
@example("[%]")
@example("x@[::1]]:3")
@example("@\x1b")
def test_any_text_is_a_list_or_one_clear_refusal(text: str) -> None:
    try:
        found = read(["-"], io.BytesIO(text.encode()))
        message = ""
    except InventoryError as error:
        found, message = [], str(error)
    assert message.isprintable()
    assert bool(found) != bool(message)
    names = [target.name for target in found]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and name.isprintable() and name[0] != "-" for name in names)


@given(st.lists(st.sampled_from("[]web01:-,/@%.;#=' \n"), max_size=40).map("".join))
def test_near_misses_of_the_syntax_are_refused_or_read(text: str) -> None:
    try:
        places = [entry.source for entry in parse(text, "hosts.txt").entries]
    except InventoryError as error:
        places = [str(error)]
    assert all(place.startswith("hosts.txt:") for place in places)
