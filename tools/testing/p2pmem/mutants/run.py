#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
run.py [NAME...]: insert one-line faults into the code, one at a time; a test must detect each

The file "list" in this directory has the faults. For each of them, the module of its file is
built with the fault, and a guest runs the tests that the fault names (default: the suites of that
module): suites on the plain kernel (kernels/build.sh BUILD plain), where they are fast; if they
pass, these and all other tests on the debug kernel, whose checkers detect more. A fault in the
command p2pmem is tried by the test "command" on this machine (command.py). Without the fault these
tests must pass on the same kernel. A fault that does not compile, or whose line does not exist
exactly once, is an error of the list.

Works on copies in BUILD/mutants. Results are kept in BUILD/mutants/KERNEL.json and reused as long
as the fault, its tests and everything that they depend on are unchanged, so that a stopped run
continues; FRESH=1 starts over. With SAME=file they are reused as long as the fault, its file and its
tests are unchanged, whatever changed beside them: enough while other files are worked on, not for a
statement on the whole. A guest ends at its first failure.

Prints a line of TAP for each fault with the test that killed it; the last line is "killed/total".
Exit status: 0 if all were killed, 1 if one survived, 2 on an error of the list.
"""

import concurrent.futures
import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import command

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
TOP = HERE.parents[3]
BUILD = Path(os.environ.get("BUILD") or TOP / "build").resolve()
JOBS = int(os.environ.get("JOBS") or 2)
# time limits of a guest in seconds: without a known duration, and added to twice the known one
LIMIT, SLACK = 1200, 60
KERNELS = ("plain", "debug")
# directory, its modules, the module to load for their suites
MODULES = {
    "drivers/pci/p2pdma": (["p2pdma", "p2pmem-bar"], "p2pdma"),
    "drivers/infiniband/core": (["ib_core"], "ib_core"),
    "drivers/nvme/host": (["nvme"], "nvme"),
    "drivers/nvme/target": (["nvmet", "nvmet-rdma"], "nvmet"),
}
SAY = threading.Lock()


class Broken(Exception):
    """The rig failed, so the fault was not killed."""


def say(text):
    with SAY:
        print(text, flush=True)


def die(text):
    print(f"mutants: error: {text}", file=sys.stderr)
    sys.exit(2)


def read_list(path):
    """Entries are paragraphs of "key: value"; from and to are one line of code each."""
    mutants = []
    for block in path.read_text().split("\n\n"):
        entry = {}
        for line in block.split("\n"):
            if line.strip() and not line.startswith("#"):
                key, _, value = line.partition(":")
                entry[key] = value.strip()
        if entry:
            if not {"name", "file", "from", "to"} <= set(entry):
                die(f"{path}: an entry lacks name, file, from or to: {entry}")
            mutants.append(entry)
    names = [m["name"] for m in mutants]
    if len(set(names)) != len(names):
        die(f"{path}: two entries have one name")
    return mutants


def folder_of(path):
    # a header is tested with the module that uses it most
    folder = str(Path(path).parent)
    return folder if folder in MODULES else "drivers/pci/p2pdma"


def tests_of(mutant):
    return (mutant.get("tests") or "p2pmem*").split()


def read_env(path):
    return dict(line.split("=", 1) for line in path.read_text().split("\n") if "=" in line)


def build_kernel(name):
    """The kernel and its modules; does nothing if they are up to date."""
    if subprocess.run([TESTS / "kernels/build.sh", BUILD, name], stdout=sys.stderr, check=False).returncode:
        die(f"the {name} kernel cannot be built (see above)")


class Results:
    """Results of earlier runs on one kernel, each with the digest of everything that it depends on."""

    def __init__(self, kernel_name, known):
        self.path = path = BUILD / f"mutants/{kernel_name}.json"
        self.known = known
        self.lock = threading.Lock()
        self.all = {"tests": {}, "faults": {}}
        if path.exists() and not os.environ.get("FRESH"):
            self.all = json.loads(path.read_text())
        kernel = read_env(BUILD / "lanes" / kernel_name / "kernel/env")
        config = (Path(kernel["KDIR"]) / ".config").read_bytes()
        rig = [p for d in ("rig", "kernels") for p in (TESTS / d).rglob("*")]
        self.world = self.digest(config, kernel["KVER"], *self.contents(rig))
        self.source = Path(kernel["KSRC"])
        # the code of each directory, and separately its suites, on which only their own tests depend
        self.folders, self.suites = {}, {}
        for folder in MODULES:
            below = [p for p in (Path(kernel["KSRC"]) / folder).rglob("*") if p.suffix in (".c", ".h")]
            below += [p for p in (Path(kernel["KSRC"]) / "include/linux").glob("pci-p2pmem*.h")]
            suites = {p for p in below if p.name.endswith(("_kunit.c", "-kunit.c"))}
            self.folders[folder] = self.digest(*self.contents(set(below) - suites))
            self.suites[folder] = {p: re.findall(r'^\s*\.name = "([\w-]+)"', p.read_text(), re.M) for p in suites}

    @staticmethod
    def digest(*parts):
        total = hashlib.sha256()
        for part in parts:
            part = part if isinstance(part, bytes) else str(part).encode()
            total.update(b"%d " % len(part) + part)
        return total.hexdigest()

    @staticmethod
    def contents(paths):
        for path in sorted(p for p in paths if p.is_file()):
            yield path.name
            yield path.read_bytes()

    def pattern(self, test):
        """The pattern of a test's suites: the test itself, or the pattern on its guest's command line."""
        if test not in self.known:
            return test
        found = re.search(r"kunit\.filter_glob=(\S+)", " ".join(self.known[test]))
        return found[1] if found else "-"

    def key(self, folder, entry):
        """A digest of all that the tests of this fault depend on; consumers depend on the core as well."""
        parts = [self.world, self.folders[folder], self.folders["drivers/pci/p2pdma"]]
        parts += self.own_parts(folder, entry)
        if any(test in self.known for test in tests_of(entry)):
            # these load all our modules
            parts += self.folders.values()
        return self.digest(*parts)

    def near(self, folder, entry):
        """The same of the fault, its file and its tests alone."""
        path = self.source / entry["file"]
        return self.digest(path.read_bytes() if path.exists() else b"", *self.own_parts(folder, entry))

    def own_parts(self, folder, entry):
        parts = [json.dumps(entry, sort_keys=True)]
        for test in tests_of(entry):
            words = self.known.get(test, ["", "kunit.sh"])
            parts += [*words, (TESTS / "tests/guest" / words[1]).read_bytes()]
            parts += self.contents(p for p, names in self.suites[folder].items()
                                   if any(fnmatch.fnmatch(n, self.pattern(test)) for n in names))
        return parts

    def get(self, kind, folder, entry):
        found = self.all[kind].get(entry["name"])
        if not found:
            return None
        if os.environ.get("SAME") == "file" and found["near"] == self.near(folder, entry):
            return found
        return found if found["key"] == self.key(folder, entry) else None

    def put(self, kind, folder, entry, **found):
        keys = {"key": self.key(folder, entry), "near": self.near(folder, entry)}
        with self.lock:
            self.all[kind][entry["name"]] = {**keys, **found}
            part = self.path.with_suffix(".new")
            part.write_text(json.dumps(self.all, indent=1) + "\n")
            part.replace(self.path)


class Lane:
    """Builds and boots for one worker; each fault reuses the build directory of the one before."""

    def __init__(self, kernel_name, number):
        lane = BUILD / "lanes" / kernel_name
        self.kernel = read_env(lane / "kernel/env")
        self.name = kernel_name
        self.dir = BUILD / "mutants" / f"{kernel_name}-{number}"
        self.tree = self.dir / "tree"
        self.stock = lane / "stock" / self.kernel["KVER"]
        self.own = self.dir / "stock" / self.kernel["KVER"]
        for left in ("stock", "vm"):
            shutil.rmtree(self.dir / left, ignore_errors=True)
        (self.dir / "kernel").mkdir(parents=True, exist_ok=True)
        for name in ("env", "version"):
            shutil.copy(lane / "kernel" / name, self.dir / "kernel" / name)

    def prepare(self, mutant):
        """Copy the grafted directory and insert the fault; unchanged files keep their times."""
        folder = folder_of(mutant["file"])
        grafted = Path(self.kernel["KSRC"])
        (self.tree / folder).mkdir(parents=True, exist_ok=True)
        for name, files in (("include/linux", "pci-p2pmem*.h"), ("include/trace/events", "p2pmem.h")):
            (self.tree / name).mkdir(parents=True, exist_ok=True)
            subprocess.run(["rsync", "-l", "--checksum", *sorted((grafted / name).glob(files)), self.tree / name],
                           check=True)
        subprocess.run(["rsync", "-rl", "--checksum", "--delete", "--exclude=*.o", "--exclude=*.ko", "--exclude=*.mod*",
                        "--exclude=.*.cmd", "--exclude=*.symvers", "--exclude=modules.order", "--exclude=*.gcno",
                        "--exclude=.module-common*", f"{grafted / folder}/", f"{self.tree / folder}/"], check=True)
        if folder != "drivers/pci/p2pdma":
            # its suites include headers of the core
            core = "drivers/pci/p2pdma"
            (self.tree / core).mkdir(parents=True, exist_ok=True)
            subprocess.run(["rsync", "-rl", "--checksum", "--include=*/", "--include=*.h", "--exclude=*", f"{grafted / core}/",
                            f"{self.tree / core}/"], check=True)
            makefile = self.tree / folder / "Kbuild"
            objects = " ".join(f"{m}.o" for m in MODULES[folder][0])
            makefile.write_text(f"include $(src)/Makefile\nobj-y :=\nobj-m := {objects}\n")
        if "from" in mutant:
            path = self.tree / mutant["file"]
            lines = path.read_text().split("\n")
            at = [i for i, line in enumerate(lines) if line.strip() == mutant["from"]]
            if len(at) != int(mutant.get("times", 1)):
                raise ValueError(f"{mutant['name']}: {mutant['file']} has {len(at)} lines '{mutant['from']}'")
            for i in at[int(mutant.get("nth", 1)) - 1:][:1]:
                lines[i] = mutant["to"]
            path.write_text("\n".join(lines))
        return folder

    def build(self, mutant):
        folder = self.prepare(mutant)
        with open(self.dir / "build.log", "w", encoding="utf-8") as log:
            done = subprocess.run(["make", "-C", self.kernel["KSRC"], f"O={self.kernel['KDIR']}", f"M={self.tree / folder}",
                                   # our headers of the copy come first
                                   f"NOSTDINC_FLAGS=-nostdinc -I{self.tree}/include", "KCFLAGS=-Wno-error", "modules"],
                                  stdout=log, stderr=log, check=False, env={**os.environ, "MAKEFLAGS": ""})
        if done.returncode:
            raise ValueError(f"{mutant['name']}: does not compile: {self.dir / 'build.log'}")
        shutil.rmtree(self.own, ignore_errors=True)
        shutil.copytree(self.stock / "modules", self.own / "modules")
        os.symlink(self.stock / "rig-nvme", self.own / "rig-nvme")
        for module in MODULES[folder][0]:
            built = self.tree / folder / f"{module}.ko"
            if module == "nvme":
                (self.own / "rig-nvme").unlink()
                (self.own / "rig-nvme/grafted").mkdir(parents=True)
                shutil.copy(built, self.own / "rig-nvme/grafted/nvme.ko")
            if built.exists():
                shutil.copy(built, self.own / "modules")
        return folder

    def boot(self, name, words, limit):
        """Run one line of tests/list, or suites; returns the first failure, or None."""
        variables = {"BUILD": str(self.dir), "NAME": name, "SMP": "1"}
        variables.update(w.split("=", 1) for w in words[2:])
        variables.pop("LANE", None)
        # a case of a suite may wait in its clean-up for what the fault keeps, before it says "not ok"
        variables.update(TIMEOUT=str(limit), UNTIL=r"\bnot ok \d.*|\b(EXPECTATION|ASSERTION) FAILED at .*")
        # do not read the report of an earlier run
        (self.dir / "vm" / name / "report.json").unlink(missing_ok=True)
        topo, script = words[0], TESTS / "tests/guest" / words[1]
        topo = TESTS / ("tests" if "/" in topo else "rig/topologies") / f"{topo}.topo"
        subprocess.run(["python3", TESTS / "rig/vm.py"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       env={**os.environ, **variables, "TOPO": str(topo), "RUN": str(script)})
        try:
            report = json.loads((self.dir / "vm" / name / "report.json").read_text())
        except (OSError, ValueError):
            raise Broken(f"{name}: the virtual machine left no report") from None
        if report["tap"]["failures"]:
            return report["tap"]["failures"][0]
        reasons = [r.removeprefix("ended at: ") for r in report["reasons"]]
        if self.name == "plain" and any(r.startswith("timeout:") for r in reasons):
            # it may only be slow: the debug kernel, which has more time, decides
            return None
        if any(r.startswith("qemu ended") for r in reasons):
            raise Broken(f"{name}: {'; '.join(reasons)}")
        return reasons[0] if reasons else None

    def suites(self, folder, pattern, limit):
        load = MODULES[folder][1]
        # one of the CPUs can go
        return self.boot("kunit", ["topologies/kunit", "kunit.sh", "SMP=2", "APPEND=mem=1G pcie_ports=compat kunit.enable=1 "
                                   f"kunit.filter_glob={pattern} p2pmem.modules={load} p2pmem.suites=1"], limit)


def test_lines():
    lines = {}
    for line in (TESTS / "tests/list").read_text().split("\n"):
        words = shlex.split(line, comments=True)
        if len(words) >= 3 and words[1] not in ("host", "guests"):
            lines[words[0]] = words[1:]
    return lines


class Campaign:
    """The faults on one kernel."""

    def __init__(self, kernel_name, known):
        self.name = kernel_name
        self.known = known
        self.free = [Lane(kernel_name, i) for i in range(JOBS)]
        self.lock = threading.Lock()
        self.results = Results(kernel_name, known)
        self.limits = {}
        # suites that need a checker of the debug kernel: they fail on this one without any fault
        self.unfit = set()

    def tests(self, mutant):
        """The tests that this kernel is for: lines of tests/list need the debug kernel."""
        folder = folder_of(mutant["file"])
        return [t for t in tests_of(mutant) if self.name == "debug" or
                t not in self.known and f"{folder} {t}" not in self.unfit]

    def try_tests(self, mutant):
        """Returns the test that killed it, or None, and the seconds that the guests took."""
        with self.lock:
            lane = self.free.pop()
        try:
            folder = lane.build(mutant)
            start = time.monotonic()
            for test in self.tests(mutant):
                limit = self.limits.get(f"{folder} {test}", LIMIT)
                if test in self.known:
                    found = lane.boot(test, self.known[test], limit)
                else:
                    found = lane.suites(folder, test, limit)
                if found:
                    return f"{test}: {found}", 0
            return None, time.monotonic() - start
        finally:
            with self.lock:
                self.free.append(lane)

    def as_it_is(self, clean):
        """Run a test without a fault; returns its duration in seconds."""
        folder = str(Path(clean["file"]).parent)
        found = self.results.get("tests", folder, clean)
        if found:
            return found["seconds"]
        killer, seconds = self.try_tests(clean)
        if killer and self.name == "plain":
            say(f"# {self.name}: {clean['name']} is left to the debug kernel: {killer}")
            self.unfit.add(clean["name"])
            return 0
        if killer:
            raise ValueError(f"{clean['name']} fails without any fault on the {self.name} kernel: {killer}")
        self.results.put("tests", folder, clean, seconds=round(seconds))
        say(f"# {self.name}: {clean['name']}: {round(seconds)} s")
        return seconds

    def with_fault(self, mutant):
        """Returns the test that killed it, or None; and a remark if an earlier run found that."""
        folder = folder_of(mutant["file"])
        found = self.results.get("faults", folder, mutant)
        if found:
            return found["killer"], " (found before)"
        killer = self.try_tests(mutant)[0]
        self.results.put("faults", folder, mutant, killer=killer)
        return killer, ""

    def run(self, mutants, say_result):
        """Try all; calls say_result(mutant, killer, remark or error); returns those that no test killed."""
        wanted = {}
        for mutant in mutants:
            folder = folder_of(mutant["file"])
            for test in self.tests(mutant):
                name = f"{folder} {test}"
                wanted[name] = {"name": name, "file": f"{folder}/x.c", "tests": test}
        say(f"# {self.name} kernel: {len(mutants)} faults; first their {len(wanted)} tests without faults")
        survivors = []
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            try:
                for name, seconds in zip(wanted, pool.map(self.as_it_is, wanted.values())):
                    self.limits[name] = int(2 * seconds) + SLACK
            except (ValueError, Broken) as error:
                pool.shutdown(cancel_futures=True)
                die(str(error))
            jobs = {pool.submit(self.with_fault, m): m for m in mutants if self.tests(m)}
            survivors += [m for m in mutants if not self.tests(m)]
            for job in concurrent.futures.as_completed(jobs):
                mutant = jobs[job]
                try:
                    killer, remark = job.result()
                except (ValueError, Broken) as error:
                    say_result(mutant, None, error)
                    continue
                if killer:
                    say_result(mutant, f"{killer} ({self.name})", remark)
                else:
                    survivors.append(mutant)
        return survivors


def of_command(mutants):
    """Try the faults in the command p2pmem, one at a time; return their number, the survivors and the errors."""
    path = BUILD / "mutants/command.json"
    kept = json.loads(path.read_text()) if path.exists() and not os.environ.get("FRESH") else {}
    survivors, errors = [], []
    lane = command.Command(BUILD / "mutants/command")
    clean = {"name": "tests/command without a fault", "file": command.FOLDER}
    for done, mutant in enumerate([clean, *mutants] if mutants else []):
        key = lane.key(mutant)
        found = kept.get(mutant["name"])
        try:
            killer = found["killer"] if found and found["key"] == key else lane.try_test(mutant)
        except ValueError as error:
            errors.append(mutant["name"])
            say(f"not ok {done} - {error}")
            continue
        kept[mutant["name"]] = {"key": key, "killer": killer}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1) + "\n")
        if mutant is clean:
            if killer:
                del kept[mutant["name"]]
                path.write_text(json.dumps(kept, indent=1) + "\n")
                die(f"the command's test fails without any fault: {killer}")
        elif killer:
            say(f"ok {done} - {mutant['name']}: killed by {killer}")
        else:
            survivors.append(mutant["name"])
            say(f"not ok {done} - {mutant['name']}: survived: {mutant['file']}: {mutant['to']}")
    return len(mutants), survivors, errors


def finish(total, survivors, errors):
    print(f"1..{total}")
    print(f"{total - len(survivors) - len(errors)}/{total}")
    sys.exit(2 if errors else 1 if survivors else 0)


def main():
    known = test_lines()
    # as a test of a list it gets a directory, which it does not use
    names = [a for a in sys.argv[1:] if "/" not in a]
    mutants = [m for m in read_list(Path(os.environ.get("LIST") or HERE / "list")) if not names or m["name"] in names]
    if not mutants:
        die(f"unknown fault: {' or '.join(names)}")
    ours = [m for m in mutants if command.is_ours(m)]
    mutants = [m for m in mutants if not command.is_ours(m)]
    total, survived, wrong = of_command(ours)
    if not mutants:
        finish(total, survived, wrong)
    done = [total]
    total += len(mutants)

    def say_result(mutant, killer, remark):
        done[0] += 1
        if killer:
            say(f"ok {done[0]} - {mutant['name']}: killed by {killer}{remark}")
        else:
            wrong.append(mutant["name"])
            say(f"not ok {done[0]} - {remark}")

    # one directory after the other, so that little is built again
    left = sorted(mutants, key=lambda m: folder_of(m["file"]), reverse=True)
    for name in KERNELS:
        build_kernel(name)
    for name in KERNELS:
        campaign = Campaign(name, known)
        tried = [m for m in left if campaign.tests(m)]
        alive = campaign.run(tried, say_result) if tried else []
        left = [m for m in left if m not in tried] + alive
    for mutant in left:
        done[0] += 1
        survived.append(mutant["name"])
        say(f"not ok {done[0]} - {mutant['name']}: survived: {mutant['file']}: {mutant['to']}")
    finish(total, survived, wrong)


if __name__ == "__main__":
    main()
