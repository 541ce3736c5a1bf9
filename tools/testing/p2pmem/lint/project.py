# SPDX-License-Identifier: GPL-2.0-only
"""
What the checks share: the project's files, findings, exceptions, a cache, tools run side by side.

Everything generated lies in BUILD/lint.
"""

import fnmatch
import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[3]
BUILD = Path(os.environ.get("BUILD") or TOP / "build").absolute()
WORK = BUILD / "lint"
FAULTS = "tools/testing/p2pmem/lint/faults/"


class Finding(NamedTuple):
    """One thing that is not as it must be. line 0: the file as a whole."""
    file: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.file}:{f'{self.line}:' if self.line else ''} {self.rule}: {self.text}"


class Broken(Exception):
    """A check could not be made: never the same as nothing found."""


def kernel():
    """BUILD/kernel/env, that "make modules" leaves."""
    try:
        lines = (BUILD / "kernel/env").read_text().splitlines()
    except OSError:
        raise Broken(f"{BUILD}/kernel/env is missing: run \"make modules\" first") from None
    return dict(line.split("=", 1) for line in lines if "=" in line)


def script(name):
    """A script of the kernel's source."""
    path = Path(kernel()["KSRC"]) / "scripts" / name
    if not path.exists():
        raise Broken(f"{path} is missing: tools/testing/p2pmem/rig/source-dirs names what is taken of the "
                     "kernel's source; run \"make modules\" again")
    return path


def tracked():
    """Files of the project that are there, in order."""
    out = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, check=False)
    if out.returncode:
        raise Broken("this is no clone: which files are the project's is not known")
    return sorted(f for f in out.stdout.decode().split("\0") if f and (TOP / f).is_file())


def c_files():
    """Every C file but those with faults on purpose."""
    return [f for f in tracked() if f.endswith((".c", ".h")) and not f.startswith(FAULTS)]


def kernel_c_files():
    """Those that become parts of modules."""
    own = ("drivers/", "include/", "tools/testing/p2pmem/rnic/", "tools/testing/p2pmem/tool/")
    return [f for f in c_files() if f.startswith(own)]


def digest(*parts):
    """Names, texts and contents of files (Path) as one word."""
    h = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        h.update(b"%d:" % len(data) + data)
    return h.hexdigest()[:32]


def both(fn, items):
    """fn of each item, as many at a time as there are processors; results in order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(fn, items))


def run(*command, cwd=TOP, **more):
    """A tool's exit status and all that it says. A missing tool is no finding but a broken check."""
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=600, errors="replace", **more)
    except FileNotFoundError:
        raise Broken(f"{command[0]} is not installed: run \"make deps\"") from None
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} did not end in 600 s") from None
    return done.returncode, done.stdout


class Exceptions:
    """The rows of the file "exceptions" for some rules; which of them were needed."""

    def __init__(self, path=HERE / "exceptions"):
        self.path, self.rows, self.used = path, [], set()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            # an expression may have bars of its own: the ends are what is fixed
            row = [part.strip() for part in line.split(" |")]
            if len(row) < 4 or not row[-1]:
                raise Broken(f"exceptions:{number}: not rule | file | expression | why")
            self.rows.append((number, row[0], row[1], re.compile(" |".join(row[2:-1]))))

    def allow(self, finding):
        for number, rule, file, expression in self.rows:
            if rule == finding.rule and fnmatch.fnmatch(finding.file, file) and expression.fullmatch(finding.text):
                self.used.add(number)
                return True
        return False

    def stale(self, rules):
        name = str(self.path.relative_to(TOP))
        return [Finding(name, number, "exceptions", f"nothing needs it any more: {rule} | {file}")
                for number, rule, file, _ in self.rows if rule in rules and number not in self.used]


class Cache:
    """What a tool said of contents that it saw before. Only what was asked for stays."""

    def __init__(self, name):
        self.path, self.old, self.new = WORK / f"{name}.json", {}, {}
        # what other checkers said is forgotten
        self.code = digest(*sorted(HERE.glob("*.py")))
        try:
            kept = json.loads(self.path.read_text())
            self.old = kept["said"] if kept["code"] == self.code else {}
        except (OSError, ValueError, KeyError):
            pass

    def get(self, key):
        if key in self.old:
            self.new[key] = self.old[key]
        return self.new.get(key)

    def put(self, key, value):
        self.new[key] = value

    def save(self):
        part = self.path.with_suffix(".new")
        part.write_text(json.dumps({"code": self.code, "said": self.new}))
        part.replace(self.path)


def each(name, files, tool_key, fn):
    """
    Lines that fn(file) returns of each file, [[line, text]...], from the cache where nothing has
    changed: the tool (tool_key) and name and contents of the file.
    """
    cache = Cache(name)
    keys = {f: digest(tool_key, f, TOP / f) for f in files}
    missing = [f for f in files if cache.get(keys[f]) is None]
    for f, said in zip(missing, both(fn, missing)):
        cache.put(keys[f], said)
    cache.save()
    return [Finding(f, line, name, text) for f in files for line, text in cache.get(keys[f])]
