# SPDX-License-Identifier: GPL-2.0-only
"""
Code shared by the checks: files of the project, findings, exceptions, a cache, parallel runs of tools.

All generated files are in BUILD/lint.
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
# the module that measures, which "make bench" builds; its rules are not those of the core
MEASURE = "tools/testing/p2pmem/bench/module/"


class Finding(NamedTuple):
    """One violation of a rule. Line 0 is the file as a whole."""
    file: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.file}:{f'{self.line}:' if self.line else ''} {self.rule}: {self.text}"


class Broken(Exception):
    """A check could not run, which must not look like a check without findings."""


def kernel():
    """Return the variables of BUILD/kernel/env, which "make modules" writes."""
    try:
        lines = (BUILD / "kernel/env").read_text().splitlines()
    except OSError:
        raise Broken(f"{BUILD}/kernel/env is missing: run \"make modules\" first") from None
    return dict(line.split("=", 1) for line in lines if "=" in line)


def script(name):
    """Return the path of a script of the kernel source."""
    path = Path(kernel()["KSRC"]) / "scripts" / name
    if not path.exists():
        raise Broken(f"{path} is missing: add its directory to tools/testing/p2pmem/rig/source-dirs and "
                     "run \"make modules\" again")
    return path


def tracked():
    """Return the existing files of the project, sorted."""
    out = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, check=False)
    if out.returncode:
        raise Broken("not a git clone: the list of the project's files is unknown")
    return sorted(f for f in out.stdout.decode().split("\0") if f and (TOP / f).is_file())


def c_files():
    """Return all C files except those with faults on purpose."""
    return [f for f in tracked() if f.endswith((".c", ".h")) and not f.startswith(FAULTS)]


def kernel_c_files():
    """Return the C files that are built into modules."""
    own = ("drivers/", "include/", "tools/testing/p2pmem/rnic/", "tools/testing/p2pmem/tool/")
    return [f for f in c_files() if f.startswith(own)]


def digest(*parts):
    """Return a hash of names, texts and contents of files (Path)."""
    h = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        h.update(b"%d:" % len(data) + data)
    return h.hexdigest()[:32]


def both(fn, items):
    """Call fn for each item, in parallel on all processors, and return the results in order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(fn, items))


def run(*command, cwd=TOP, **more):
    """Return the exit status and output of a tool. A missing tool is an error, not a finding."""
    try:
        done = subprocess.run([str(c) for c in command], cwd=cwd, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=600, errors="replace", **more)
    except FileNotFoundError:
        raise Broken(f"{command[0]} is not installed: run \"make deps\"") from None
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} did not finish within 600 s") from None
    return done.returncode, done.stdout


class Exceptions:
    """The rows of the file "exceptions" for some rules, and which of them were used."""

    def __init__(self, path=HERE / "exceptions"):
        self.path, self.rows, self.used = path, [], set()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            # the expression may contain bars; the other columns do not
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
        return [Finding(name, number, "exceptions", f"unused: {rule} | {file}")
                for number, rule, file, _ in self.rows if rule in rules and number not in self.used]


class Cache:
    """Output of a tool for known contents. Entries that a run does not use are dropped."""

    def __init__(self, name):
        self.path, self.old, self.new = WORK / f"{name}.json", {}, {}
        # drop the output of older versions of the checks
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
    Return the findings of fn(file), [[line, text]...], for each file. Use the cache if the tool
    (tool_key) and the name and contents of the file are unchanged.
    """
    cache = Cache(name)
    keys = {f: digest(tool_key, f, TOP / f) for f in files}
    missing = [f for f in files if cache.get(keys[f]) is None]
    for f, said in zip(missing, both(fn, missing)):
        cache.put(keys[f], said)
    cache.save()
    return [Finding(f, line, name, text) for f in files for line, text in cache.get(keys[f])]
