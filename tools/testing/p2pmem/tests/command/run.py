#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
run.py COMMAND SANITIZED DIRECTORY [--update]: the command p2pmem on captured machines. Prints TAP.

COMMAND is the program, SANITIZED the same with sanitizers, DIRECTORY for what is generated. Each machine of
machines/ (machine.py) and each snapshot of captured/ is the input of every command; the output, and its exit status,
are in expected/NAME, as a session on a terminal would show them, JSON in lines of one element each; so is "path" for a
pair of each verdict that the machine has. JSON is validated against schema.json, in which no member may then be missing.
--update writes these files.
"""

import difflib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import jsonschema

import edges
import hostile
import lspci
import machine
import nvmet
import terminal

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[4]
ALWAYS = ["list", "topo", "topo --tree", "topo --dot", "stat", "check", "nvmet", "--json list", "--json topo",
          "--json topo --tree", "--json stat", "--json check", "--json nvmet"]
ENV = {**os.environ, "P2PMEM_PCI_IDS": str(HERE / "pci.ids"), "LC_ALL": "C", "ASAN_OPTIONS": "exitcode=99",
       "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1"}


class Tap:
    number = failed = 0

    def result(self, good, name, why=""):
        self.number += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.number} - {name}")
        for line in [] if good else str(why).splitlines()[:60]:
            print(f"# {line}")
        sys.stdout.flush()


def strict(schema):
    """The schema, in which objects have no other members than those that it names."""
    if isinstance(schema, dict):
        schema = {k: strict(v) for k, v in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema and schema.get("type") == "object":
            schema["additionalProperties"] = False
    elif isinstance(schema, list):
        schema = [strict(v) for v in schema]
    return schema


VALIDATOR = jsonschema.Draft7Validator(strict(json.loads((TOP / "tools/pci/p2pmem/schema.json").read_text())))


def run_command(program, *arguments, **more):
    done = subprocess.run([program, *arguments], capture_output=True, check=False, timeout=120, env=ENV,
                          stdin=subprocess.DEVNULL, **more)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def short(text):
    """JSON with one element of the topmost lists a line."""
    lines = []
    for key, value in json.loads(text).items():
        if isinstance(value, list) and value:
            lines += [f"{key}:"] + [f"  {json.dumps(v)}" for v in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def paths(program, snapshot):
    """The command "path" for the first pair of each verdict"""
    first = {}
    for pair in json.loads(run_command(program, "--from", str(snapshot), "--json", "topo")[1])["pairs"]:
        first.setdefault((pair["label"], pair["permission"], pair["reason"]), f"path {pair['provider']} {pair['client']}")
    return [option + command for command in first.values() for option in ("", "--json ")]


def session(program, name, snapshot, commands):
    """What a terminal would show, and what was wrong with the JSON."""
    text, wrong = ["# SPDX-License-Identifier: GPL-2.0-only\n"], []
    for command in commands + [c for c in paths(program, snapshot) if c not in commands]:
        status, out, err = run_command(program, "--from", str(snapshot), *shlex.split(command))
        if "--json" in command and out:
            try:
                wrong += [f"{command}: {e.json_path}: {e.message[:200]}" for e in VALIDATOR.iter_errors(json.loads(out))]
                out = short(out)
            except ValueError as e:
                wrong.append(f"{command}: no JSON: {e}")
        said = (out + err).replace(str(snapshot), name)
        said = re.sub(r"[ \t]+$", "", said, flags=re.M)
        text.append(f"$ p2pmem {command}\n{said}" + (f"[exit status {status}]\n" if status else ""))
    return "\n".join(text), wrong


def machines(directory):
    """Name, snapshot and commands of each"""
    for path in sorted((HERE / "machines").iterdir()):
        m = machine.load(path)
        snapshot = directory / f"{path.name}.snapshot"
        with open(snapshot, "w", encoding="utf-8") as f:
            m.write(f)
        yield path.name, snapshot, ALWAYS + m.runs
    for path in sorted((HERE / "captured").iterdir()) if (HERE / "captured").is_dir() else []:
        yield path.name, path, ALWAYS


def goldens(tap, programs, directory, update):
    seen = []
    for name, snapshot, commands in machines(directory):
        want = HERE / "expected" / name
        seen.append(name)
        for program in programs:
            text, wrong = session(program, name, snapshot, commands)
            which = "sanitized" if program is programs[-1] else "as built"
            if update and program is programs[0]:
                want.write_text(text)
            old = want.read_text() if want.exists() else ""
            diff = difflib.unified_diff(old.splitlines(), text.splitlines(), "expected", "said", lineterm="")
            tap.result(old == text, f"{name}: {len(commands)} commands, {which}", "\n".join(diff))
            tap.result(not wrong, f"{name}: JSON is what schema.json says, {which}", "\n".join(wrong))
        missing = [c for c in ("list", "topo", "path", "check") for o in ("", "--json ")
                   if not re.search(rf"^\$ p2pmem {o}{c}\b", want.read_text(), re.M)]
        tap.result(not missing, f"{name}: text and JSON of list, topo, path and check are expected", missing)
    left = {p.name for p in (HERE / "expected").iterdir()} - set(seen)
    tap.result(not left, "every expected/ has its machine", left)
    tap.result(len(seen) >= 12, f"{len(seen)} machines, 12 at least")


# of reasons, those that keep a pair apart by what a machine is, not by what a caller or the kernel does
REASONS = ["host-bridge", "acs-redirect", "acs-egress", "dma-mask", "swiotlb-forced", "untrusted", "encrypted-guest", "verify-failed",
           "payload-size", "tag-size"]


def findings(tap):
    """Everything that "check" can find is found in a machine; so is every case of a finding that has several."""
    source = "".join((TOP / "tools/pci/p2pmem" / f).read_text() for f in ("check.c", "check_pairs.c"))
    calls = [re.sub(r"\s+", " ", c) for c in re.findall(r"\bfound\(([^;]*?)\);", source, re.S)]
    ids = set(REASONS)
    for call in calls:
        ids.update(re.findall(r'"([a-z0-9-]+)"', call.split(", ", 2)[2].split(",")[0]))
    text = "".join(p.read_text() for p in (HERE / "expected").iterdir())
    missing = [i for i in ids if f'"id": "{i}", "text"' not in text]
    tap.result(len(ids) > 20 and not missing, f"each of {len(ids)} findings of check is found in a machine", missing)
    for case in ("installed for kernel 6.12.117-amd64 and not loaded", "runs, without its modules",
                 "the kernel turns redirect on where the IOMMU translates", "it neither lends nor maps here", "lends none of it"):
        tap.result(case in text, f"check says in a machine: {case}")


def forms(tap, program, directory):
    """A snapshot, and the same unpacked as a directory, say the same; so does a snapshot of the snapshot."""
    for name, snapshot, _ in list(machines(directory)):
        again = directory / f"{name}.again"
        status, _, err = run_command(program, "--from", str(snapshot), "snapshot", str(again))
        unpacked = directory / f"{name}.dir"
        unpack(snapshot, unpacked)
        for command in (["topo", "--tree"], ["--json", "topo"], ["--json", "check"], ["--json", "nvmet"], ["--json", "list"]):
            first = run_command(program, "--from", str(snapshot), *command)
            for other in (again, unpacked):
                second = run_command(program, "--from", str(other), *command)
                if name == "workstation" and other is unpacked:
                    continue        # root reads what a user could not
                if first[:2] != second[:2]:
                    status, err = 1, f"{' '.join(command)} of {other}:\n" + "\n".join(
                        difflib.unified_diff(first[1].splitlines(), second[1].splitlines(), lineterm=""))
        tap.result(status == 0, f"{name}: a snapshot of it, and its directory, say the same", err)


def unpack(snapshot, directory):
    subprocess.run(["rm", "-rf", str(directory)], check=True)
    data, path, kind = [], None, None

    def flush():
        if path is None:
            return
        where = directory / path
        where.parent.mkdir(parents=True, exist_ok=True)
        if kind == "F":
            where.write_text("".join(line + "\n" for line in data))
        elif kind == "L":
            os.symlink(data[0], where)
        elif kind == "D":
            where.mkdir(exist_ok=True)
        elif kind == "X":
            c = bytearray(int(data[0]))
            for line in data[1:]:
                at, _, row = line.partition(": ")
                row = bytes.fromhex(row)
                c[int(at, 16):int(at, 16) + len(row)] = row
            where.write_bytes(c)

    directory.mkdir()
    for line in Path(snapshot).read_text().split("\n")[1:]:
        if line.startswith(" "):
            data.append(line[1:])
        elif line and not line.startswith("#"):
            flush()
            kind, path, data = line[0], line[2:], []
    flush()


MALFORMED = {
    "empty": ("", 1, "does not begin with"),
    "another program's": ("00:00.0 Host bridge\n", 1, "does not begin with"),
    "a kind that there is not": ("p2pmem snapshot 1\nQ sys/a\n", 2, "not a kind"),
    "no path": ("p2pmem snapshot 1\nF\n", 2, "not a kind"),
    "the same path twice": ("p2pmem snapshot 1\nF a\n 1\nF a\n 1\n", 4, "there already"),
    "a file below a file": ("p2pmem snapshot 1\nF a\n 1\nF a/b\n 1\n", 4, "there already"),
    "no number of bytes": ("p2pmem snapshot 1\nX c\n 00: 01\n", 3, "a number of bytes"),
    "more bytes than said": ("p2pmem snapshot 1\nX c\n 1\n 00: 01 02\n", 4, "more bytes"),
    "half a byte": ("p2pmem snapshot 1\nX c\n 4\n 00: 0\n", 4, "not an offset"),
    "no bytes, and then some": ("p2pmem snapshot 1\nX c\n 0\n 00: 01\n", 4, "more bytes"),
    "far too many bytes": ("p2pmem snapshot 1\nX c\n 99999999999999999999\n", 3, "a number of bytes"),
    "a link to nothing": ("p2pmem snapshot 1\nL a\n", 2, "without a target"),
    "no errno": ("p2pmem snapshot 1\nE a\n x\n", 3, "an error number"),
    "a long path": ("p2pmem snapshot 1\nF " + "a/" * 600 + "\n", 2, "not a path"),
    "a large file": (["p2pmem snapshot 1\nF a\n"] + [" " + "x" * 70 + "\n"] * 240000, None, "too large"),
}


def malformed(tap, program, directory):
    for name, (text, line, says) in MALFORMED.items():
        path = directory / "malformed"
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(text)
        status, out, err = run_command(program, "--from", str(path), "list")
        where = f"{path}:" if line is None else f"{path}:{line}: "
        tap.result(status == 1 and not out and err.count("\n") == 1 and says in err and where in err,
                   f"malformed: {name}: one line", f"{status} {out} {err}")
    for name, path in (("no such file", directory / "none"), ("a device", "/dev/null")):
        status, out, err = run_command(program, "--from", str(path), "list")
        tap.result(status == 1 and not out and err.count("\n") == 1, f"malformed: {name}: one line", err)


def calls(tap, program, directory):
    """Wrong calls, help, colors"""
    snapshot = str(directory / "two-sockets.snapshot")
    for arguments, want in ((["--help"], 0), (["--version"], 0), ([], 2), (["nothing"], 2), (["--nothing"], 2),
                            (["path", "nvme0"], 2), (["list", "more"], 2), (["--color", "blue", "list"], 2),
                            (["stat", "--watch", "no"], 2), (["stat", "--watch", "1", "--count", "0"], 2),
                            (["nvmet", "restore", "--wait", "-1"], 2), (["nvmet", "restore", "--wait", "nan"], 2), (["nvmet", "restore", "--wait", "86401"], 2),
                            (["--from", snapshot, "nvmet", "set", "a", "1", "auto"], 2),
                            (["--from", snapshot, "nvmet", "save"], 2), (["--from", snapshot, "nvmet", "what"], 2), (["snapshot"], 2),
                            (["list", "--tree"], 2), (["check", "--watch", "1"], 2), (["topo", "-q"], 2), (["topo", "--force"], 2),
                            (["topo", "--dot", "--svg"], 2), (["--json", "topo", "--dot"], 2), (["list", "--count", "2"], 2),
                            (["--from", snapshot, "path", "-q", "nvme0", "mlx5_0"], 0),
                            (["--from", snapshot, "path", "-q", "nvme8", "mlx5_0"], 3),
                            (["--from", snapshot, "path", "-q", "nvme8", "nothing"], 1),
                            (["--from", snapshot, "path", "/dev/nvme0n1", "ens1f0np0"], 0),
                            (["--from", snapshot, "path", "0000:00:01.1", "nvme0"], 1)):
        status, out, err = run_command(program, *arguments)
        good = status == want and (err.count("\n") >= 1) == (want in (1, 2)) and "Sanitizer" not in err
        tap.result(good and not (want and out and want != 3),
                   f"p2pmem {' '.join(arguments).replace(snapshot, 'FILE')}: {want}", f"{status}\n{out}\n{err}")
    for arguments, env, want in ((["--color", "always"], {}, True), ([], {}, False), (["--color", "never"], {}, False)):
        done = subprocess.run([program, *arguments, "--from", snapshot, "topo"], capture_output=True, text=True, check=False,
                              env={**ENV, **env})
        tap.result(("\033[" in done.stdout) == want, f"colors: {' '.join(arguments) or 'not a terminal'}: {want}")
    for env, want in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        out = on_terminal([program, "--from", snapshot, "topo"], {**ENV, **env})
        tap.result(("\033[" in out) == want, f"colors: on a terminal with {env}: {want}", out)
        tap.result(max(map(len, re.sub(r"\033\[\d*m", "", out).split("Rows lend")[0].split("\n\n")[0].splitlines())) <= 80,
                   "the matrix is as wide as the terminal", out)
    status, out, err = run_command(program, "--from", snapshot, "stat", "--watch", "0.05", "--count", "3")
    tap.result(status == 0 and out.count("in use 32 MiB") == 3 and not err, "stat --watch: a line each interval", out + err)
    status, out, err = run_command(program, "--from", snapshot, "--json", "stat", "--watch", "0.05", "--count", "2")
    documents = [json.loads(d) for d in re.split(r"(?<=^})\n", out, flags=re.M) if d.strip()]
    tap.result(status == 0 and len(documents) == 2 and all(VALIDATOR.is_valid(d) for d in documents),
               "stat --watch --json: a document each interval", out + err)
    done = subprocess.run(f"{shlex.quote(str(program))} --from {shlex.quote(snapshot)} topo >/dev/full", shell=True, env=ENV,
                          capture_output=True, text=True, check=False)
    tap.result(done.returncode == 1 and "cannot be written" in done.stderr, "a full disk is an error", done.stderr)
    target = directory / "saved.json"
    status, _, err = run_command(program, "--from", snapshot, "nvmet", "save", str(target))
    saved = json.loads(target.read_text()) if target.exists() else {}
    tap.result(status == 0 and len(saved.get("namespaces", [])) == 3 and
               saved["namespaces"][2] == {"subsystem": "nqn.2026-01.org.example:b", "nsid": "1", "p2pmem": "0000:83:00.0",
                                          "prefer": "nearest", "verify": "require"},
               "nvmet save", f"{saved} {err}")
    for arguments, name in ((["snapshot", str(directory / "json.snapshot")], "snapshot"), (["nvmet", "save", str(target)], "nvmet-save")):
        status, out, err = run_command(program, "--json", "--from", snapshot, *arguments)
        wrong = [e.message for e in VALIDATOR.iter_errors(json.loads(out or "{}"))]
        tap.result(status == 0 and not wrong and json.loads(out)["command"] == name and json.loads(out)["entries"] >= 3,
                   f"--json {name}: as schema.json says", f"{wrong} {out} {err}")
        status, out, err = run_command(program, "--json", "--from", snapshot, *arguments[:-1], "-")
        tap.result(status == 2 and not out and err, f"--json {name} and a file on standard output: wrong use", f"{out} {err}")


def on_terminal(command, env):
    import pty      # pylint: disable=import-outside-toplevel
    parent, child = pty.openpty()
    with subprocess.Popen(command, stdout=child, stdin=subprocess.DEVNULL, stderr=child, env=env) as p:
        os.close(child)
        out = b""
        try:
            while True:
                part = os.read(parent, 65536)
                if not part:
                    break
                out += part
        except OSError:
            pass
        p.wait()
    os.close(parent)
    return out.decode().replace("\r\n", "\n")


SECRETS = """p2pmem snapshot 1
L sys/bus/pci/devices/0000:01:00.0
 ../../../devices/pci0000:00/0000:01:00.0
F sys/devices/pci0000:00/0000:01:00.0/vendor
 0x15b3
X sys/devices/pci0000:00/0000:01:00.0/config
 4096
 00: b3 15 17 10 00 00 10 00
 30: 00 00 00 00 40
 40: 10 00 02 00
 100: 0d 00 01 15
 150: 03 00 01 00 ec 0d 9a ff fe 12 34 56
L sys/class/net/enx001122334455
 ../../devices/pci0000:00/0000:01:00.0/net/enx001122334455
L sys/class/net/wlxaabbccddeeff
 ../../devices/pci0000:00/0000:01:00.0/net/wlxaabbccddeeff
L sys/class/infiniband/rocex525400c0fe654321
 ../../devices/pci0000:00/0000:01:00.0/infiniband/rocex525400c0fe654321
F proc/cmdline
 root=UUID=aaaa-bbbb serial=SECRET1 pci=noaer BOOTIF=01-00-11-22-33-44-55 iommu=pt
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/1/device_path
 /dev/disk/by-id/nvme-Drive_SECRET2
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/1/enable
 1
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/2/device_path
 /dev/mapper/36001405abcdef012
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/3/device_path
 /dev/nvme0n1
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/4/device_path
 /srv/SECRET3-5000c500a1b2c3d4/disk.img
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/5/device_path
 5000c500deadbeef.img
F sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/6/device_path
 /mnt/600508b1001c77aa/dev/disk/by-id/nvme-SECRET4
"""


def secrets(tap, program, directory):
    source, target = directory / "secrets", directory / "clean"
    source.write_text(SECRETS)
    status, _, err = run_command(program, "--from", str(source), "snapshot", str(target))
    text = target.read_text() if target.exists() else ""
    for secret in ("SECRET1", "SECRET2", "001122334455", "aabbccddeeff", "00-11-22", "aaaa", "ec 0d 9a", "12 34 56", "525400c0fe", "36001405", "SECRET3", "disk.img",
                   "5000c500", "600508b1", "SECRET4"):
        tap.result(status == 0 and secret not in text, f"a snapshot does not have {secret}", err or text)
    for kept in ("pci=noaer", "iommu=pt", "/dev/disk/by-id/removed", "/dev/mapper/removed",
                 "/dev/nvme0n1", " /srv/removed", " /mnt/removed"):
        tap.result(kept in text, f"a snapshot has {kept}", text)


def floors(tap, objects):
    """A file of the command calls files of lower floors only; the kernel's files are not part of it."""
    source = TOP / "tools/pci/p2pmem"
    level = {f.stem: re.search(r"^ \* Floor (\d+)\.$", f.read_text(), re.M) for f in source.glob("*.c")}
    missing = [f for f, m in level.items() if not m]
    tap.result(not missing and len(level) > 20, "every file of the command names its floor", missing)
    out = subprocess.run(["nm", "-A", "-P", *(objects / f"{f}.o" for f in level)], capture_output=True, text=True, check=True)
    home, needs, wrong = {}, [], []
    for line in out.stdout.splitlines():
        where, symbol, kind = line.split()[:3]
        file = Path(where.rstrip(":")).stem
        if kind in "TDBRC":
            home[symbol] = file
        elif kind == "U":
            needs.append((file, symbol))
    for file, symbol in needs:
        if symbol in home and int(level[home[symbol]][1]) >= int(level[file][1]):
            wrong.append(f"{file}.c calls {symbol}() of {home[symbol]}.c, which is not on a lower floor")
    tap.result(not wrong and needs, "a file calls files of lower floors only", "\n".join(wrong))


def members(header, name):
    """The declarations in a struct"""
    body = re.search(r"^struct " + name + r" \{\n(.*?)^\};", (TOP / header).read_text(), re.M | re.S)
    return {re.sub(r"\s+", " ", line.strip()) for line in body[1].splitlines()} if body else set()


def constants(tap):
    """What kernel.h says again is what the module's private header says."""
    for name in ("p2pmem_region", "p2pmem_provider"):
        ours, theirs = members("tools/pci/p2pmem/kernel.h", name), members("drivers/pci/p2pdma/p2pdma.h", name)
        tap.result(ours and ours <= theirs, f"struct {name} of kernel.h has members of the module's only", ours - theirs)
    pattern = r"^#define P2PMEM_POLICY_MAX\s+(\d+)$"
    said = [re.findall(pattern, (TOP / f).read_text(), re.M) for f in ("drivers/pci/p2pdma/p2pdma.h", "tools/pci/p2pmem/kernel.h")]
    tap.result(said[0] == said[1] and len(said[0]) == 1, f"entries of the administrator: {said[0]}, as in the module", said)


def large():
    """1,024 functions, 64 of which lend"""
    lines = ["kernel 6.12.117-amd64 p2pmem", "cpu AuthenticAMD 25 17"]
    left = 1024
    for host in range(8):
        lines.append(f"host {host:04x}:00 node={host // 4}")
        lines.append("  00.0 host 1022:14a4")
        left -= 1
        for port in range(1, 8):
            lines += [f"  {port:02x}.0 root 1022:14a5 x16 gen4", "    00.0 up 1000:c010 x16 gen4"]
            left -= 2
            for down in range(8):
                kind = "net 15b3:1017" if down > 6 else "nvme 144d:a80a"
                lend = " bar=2:128Mp lends=128M" if host * 56 + port * 8 + down < 72 else ""
                lines += [f"      {down:02x}.0 down 1000:c010 x4 gen4",
                          f"        00.0 {kind} x4 gen4 driver=nvme bar=0:16K{lend}"]
                left -= 2
        if host == 7:
            lines += [f"  {8 + i // 8:02x}.{i % 8} usb 1022:15b6" for i in range(left)]
    return machine.Machine("\n".join(lines))


def alone(want):
    """Let this process and its children go before all others, which root alone can do; returns whether they do."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO if want else os.SCHED_OTHER, os.sched_param(1 if want else 0))
    except PermissionError:
        return False
    return want


def speed(tap, program, directory):
    """Wall time and time on the processor, the least of some runs, as others may be at work."""
    m = large()
    snapshot = directory / "large.snapshot"
    with open(snapshot, "w", encoding="utf-8") as f:
        m.write(f)
    unpacked = directory / "large.dir"
    unpack(snapshot, unpacked)
    small = directory / "two-sockets.dir"
    lend = sum("lends" in f.values for f in m.functions)
    tap.result(len(m.functions) == 1024 and lend == 64, f"a machine of {len(m.functions)} functions, {lend} of which lend")
    first = alone(True)
    for source, command, limit in ((unpacked, "topo", 0.1), (snapshot, "topo", 0.1), (small, "list", 0.02)):
        best, wall, most = 9.9, 9.9, 0
        for _ in range(20):
            begin = time.monotonic()
            pid = subprocess.Popen([program, "--from", str(source), command], stdout=subprocess.DEVNULL, env={**ENV, "P2PMEM_PCI_IDS": "/usr/share/misc/pci.ids"})
            _, _, usage = os.wait4(pid.pid, 0)
            wall = min(wall, time.monotonic() - begin)
            best = min(best, usage.ru_utime + usage.ru_stime)
            most = max(most, usage.ru_maxrss)
        tap.result(best < limit, f"{command} of {source.name}: {best * 1000:.1f} ms, {limit * 1000:.0f} at most")
        # the start of the process is in it; without priority, processors that are all taken show the time of others
        tap.result(wall < limit or (not first and os.getloadavg()[0] > os.cpu_count()),
                   f"{command} of {source.name}: {wall * 1000:.1f} ms of wall time, load {os.getloadavg()[0]:.1f}")
        tap.result(most < 65536, f"{command} of {source.name}: {most} KiB, 65536 at most")
    alone(False)


def main(arguments):
    update = "--update" in arguments
    command, sanitized, directory = (Path(a).absolute() for a in arguments[:3])
    directory.mkdir(parents=True, exist_ok=True)
    tap = Tap()
    goldens(tap, [command, sanitized], directory, update)
    findings(tap)
    forms(tap, sanitized, directory)
    malformed(tap, sanitized, directory)
    calls(tap, sanitized, directory)
    secrets(tap, sanitized, directory)
    lspci.run(tap, run_command, command, list(machines(directory)), directory)
    terminal.run(tap, ENV, sanitized, directory / "two-sockets.snapshot")
    hostile.run(tap, ENV, command, sanitized, directory)
    nvmet.run(tap, ENV, command, directory)
    floors(tap, command.parent / "own")
    constants(tap)
    speed(tap, command, directory)
    # last: it needs memory, and what this process has counts for its children in speed()
    edges.run(tap, ENV, run_command, unpack, command, sanitized, directory)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
