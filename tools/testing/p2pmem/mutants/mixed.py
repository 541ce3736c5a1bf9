#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
mixed.py DIRECTORY: run.py with faults of modules and of the command p2pmem in one run. Prints TAP.

What builds and boots is replaced by what the name of a fault says: killed, survives, breaks (does not compile), loses
(the virtual machine leaves no report). "late" is killed on the debug kernel only, "guest" by a test that only that runs.
"""

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path

MODULE, COMMAND = "drivers/pci/p2pdma/map.c", "tools/pci/p2pmem/stat.c"


def outcome(run, name):
    word = name.rsplit("-", 1)[-1]
    if word == "breaks":
        raise ValueError(f"{name}: does not compile")
    if word == "loses":
        raise run.Broken(f"{name}: the virtual machine left no report")
    return "a test: it fails" if word == "killed" else None


def fakes(run, module_fails, command_fails):
    class Lane:
        def __init__(self, kernel, _):
            self.kernel = kernel

        def build(self, mutant):
            self.name = mutant["name"] if "from" in mutant else "clean-killed" if module_fails else "clean-survives"
            return "drivers/pci/p2pdma"

        def suites(self, *_):
            if self.name.startswith("guest"):
                raise run.Broken("a guest's test is no suite")
            return None if self.name.startswith("late") and self.kernel == "plain" else outcome(run, self.name)

        def boot(self, *_):
            return outcome(run, self.name) if self.kernel == "debug" else None

    class Results:
        def __init__(self, *_):
            pass

        def key(self, *_):
            return ""

        def get(self, *_):
            return None

        def put(self, *_, **__):
            pass

    class Command:
        def __init__(self, directory):
            self.directory = directory

        def key(self, _):
            return ""

        def try_test(self, mutant):
            return outcome(run, mutant["name"] if "from" in mutant else "clean-killed" if command_fails else "clean-survives")

    def build_kernel(name):
        if not (run.BUILD / "lanes" / name / "kernel/env").exists():
            run.die(f"the {name} kernel cannot be built")

    run.Lane, run.Results, run.command.Command, run.build_kernel = Lane, Results, Command, build_kernel


def entry(name):
    return (f"name: {name}\nfile: {COMMAND if name.startswith('command') else MODULE}\nfrom: a\nto: b\n"
            f"tests: {dict(command='command', guest='e2e-swap').get(name.split('-')[0], 'p2pmem-map')}\n\n")


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    os.environ.update(BUILD=str(directory), LIST=str(directory / "list"), FRESH="1")
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    sys.dont_write_bytecode = True
    import run      # pylint: disable=import-outside-toplevel
    count, failed = 0, 0
    kernels = [directory / "lanes" / name / "kernel/env" for name in ("plain", "debug")]
    for title, names, more, status, last in (
            ("all are killed", ["map-killed", "command-killed", "list-killed", "command-too-killed"], {}, 0, "4/4"),
            ("one of a module survives", ["map-survives", "command-killed"], {}, 1, "1/2"),
            ("one of the command survives", ["map-killed", "command-survives"], {}, 1, "1/2"),
            ("one of each survives", ["command-survives", "map-survives", "map-killed"], {}, 1, "1/3"),
            ("one of a module does not compile", ["map-breaks", "command-killed"], {}, 2, "1/2"),
            ("one of the command does not compile", ["map-killed", "command-breaks"], {}, 2, "1/2"),
            ("a virtual machine is lost", ["map-loses", "command-killed", "command-survives"], {}, 2, "1/3"),
            ("of the command only, without the debug kernel", ["command-killed"], {"kernel": False}, 0, "1/1"),
            ("of modules only", ["map-killed"], {}, 0, "1/1"),
            ("the debug kernel's checkers kill what is left", ["late-killed", "map-killed"], {}, 0, "2/2"),
            ("a guest's test runs on the debug kernel", ["guest-killed", "map-killed"], {}, 0, "2/2"),
            ("and what it does not kill survives", ["guest-survives", "late-killed", "command-killed"], {}, 1, "2/3"),
            ("without kernels", ["map-killed", "command-killed"], {"kernel": False}, 2, "the plain kernel cannot be built"),
            ("the command's test fails without a fault", ["map-killed", "command-killed"], {"command": True}, 2, "fails without any fault"),
            ("a module's test fails without a fault", ["map-killed", "command-killed"], {"module": True}, 2, "fails without any fault")):
        (directory / "list").write_text("".join(map(entry, names)))
        for kernel in kernels:
            kernel.parent.mkdir(parents=True, exist_ok=True)
            kernel.unlink(missing_ok=True)
            if more.get("kernel", True):
                kernel.write_text("KVER=1\n")
        fakes(run, more.get("module"), more.get("command"))
        sys.argv = ["run.py", str(directory) + "/"]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                run.main()
                code = "none"
            except SystemExit as e:
                code = e.code
        lines = (out.getvalue() + err.getvalue()).strip().split("\n")
        numbers = sorted(int(n) for n in re.findall(r"^(?:not )?ok (\d+) ", out.getvalue(), re.M))
        good = code == status and last in lines[-1]
        if "/" in last:
            said = {n: n.rsplit("-", 1)[-1] == "killed" for n in names}
            reported = {n: bool(ok) for ok, n in re.findall(r"^(?:(ok)|not ok) \d+ - ([\w-]+):", out.getvalue(), re.M)}
            good = good and lines[-1] == last and numbers == list(range(1, len(names) + 1)) and reported == said
        count += 1
        failed += not good
        print(f"{'' if good else 'not '}ok {count} - {title}: {last}")
        if not good:
            print(f"# {json.dumps([code, lines])}")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]).absolute()))
