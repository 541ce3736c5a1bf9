# SPDX-License-Identifier: GPL-2.0-only
"""
Faults in the command p2pmem (tools/pci/p2pmem), which is no module: no kernel is built and no guest boots. The test is
tests/command/run.py, of the program as it is built, in a copy of what both need.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[4]
FOLDER = "tools/pci/p2pmem/"
NEEDS = [FOLDER, "drivers/pci/p2pdma/", "include/linux/", "tools/testing/p2pmem/tests/command/"]
LIMIT = 900


def is_ours(mutant):
    return mutant["file"].startswith(FOLDER)


class Command:
    """Builds the command with a fault, and runs its test."""

    def __init__(self, directory):
        self.dir = directory
        self.tree = directory / "tree"

    def key(self, mutant):
        total = hashlib.sha256(repr(sorted(mutant.items())).encode())
        for need in NEEDS:
            for path in sorted(p for p in (TOP / need).rglob("*") if p.is_file() and "__pycache__" not in p.parts):
                total.update(str(path).encode() + b"\0" + path.read_bytes())
        return total.hexdigest()

    def prepare(self, mutant):
        """Copies the files and inserts the fault; unchanged files keep their times, so that few are compiled."""
        for need in NEEDS:
            (self.tree / need).mkdir(parents=True, exist_ok=True)
            subprocess.run(["rsync", "-rl", "--checksum", "--delete", "--exclude=__pycache__", f"{TOP / need}/", f"{self.tree / need}/"],
                           check=True)
        if "from" not in mutant:
            return
        path = self.tree / mutant["file"]
        lines = path.read_text().split("\n")
        at = [i for i, line in enumerate(lines) if line.strip() == mutant["from"]]
        if len(at) != int(mutant.get("times", 1)):
            raise ValueError(f"{mutant['name']}: {mutant['file']} has {len(at)} lines '{mutant['from']}'")
        lines[at[int(mutant.get("nth", 1)) - 1]] = mutant["to"]
        path.write_text("\n".join(lines))

    def try_test(self, mutant):
        """Returns the first failure, or None."""
        self.prepare(mutant)
        out = self.dir / "build"
        with open(self.dir / "build.log", "w", encoding="utf-8") as log:
            done = subprocess.run(["make", "-s", "-C", str(self.tree / FOLDER), f"O={out}", "strict=-w"], stdout=log, stderr=log,
                                  check=False, env={**os.environ, "MAKEFLAGS": ""})
        if done.returncode:
            raise ValueError(f"{mutant['name']}: does not compile: {self.dir / 'build.log'}")
        shutil.rmtree(self.dir / "machines", ignore_errors=True)
        run = self.tree / "tools/testing/p2pmem/tests/command/run.py"
        failures = []
        # without sanitizers, in which a fault may also show: the test has to find it in what the command says
        with subprocess.Popen([sys.executable, "-B", str(run), str(out / "p2pmem"), str(out / "p2pmem"), str(self.dir / "machines")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as p:
            last = ""
            for line in p.stdout:
                last = line.strip() or last
                if line.startswith("not ok "):
                    failures.append(line.strip().partition(" - ")[2])
                    p.terminate()
                    break
            status = p.wait(timeout=LIMIT)
        if failures:
            return f"command: {failures[0]}"
        return f"command: ended with {status}: {last}" if status else None
