#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
vm.py: boot a topology, run a script in the guest, and evaluate the result.

Called by "make vm"; all parameters are environment variables (see README.rst or "make
help"). Writes qemu.args, console.log, talk.log, verdict, report.json, files/ and, with
TRACE=1, trace.log to BUILD/vm/NAME. Exit status 0 only for verdict "pass"; 2 if the
virtual machine could not be set up.
"""

import base64
import fcntl
import gzip
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

RIG = Path(__file__).resolve().parent
TOP = RIG.parents[3]
# traced events of QEMU: all accesses of adapter and drives
EVENTS = ["lsi_memcpy", "pci_nvme_map_addr"]


class Machine:
    """What QEMU needs for an architecture."""

    def __init__(self, qemu, defaults, console, marks, serial):
        self.qemu = qemu
        self.defaults = defaults        # (options that replace it, arguments)
        self.console = console
        self.marks = marks              # the event that shows the guest's marks (trace_mark)
        self.serial = serial            # arguments for the three character devices rig0 to rig2


MACHINES = {
    "amd64": Machine("qemu-system-x86_64", [(("-M", "-machine"), ["-M", "q35"])], "ttyS0", "port92_write",
                     [word for n in range(3) for word in ("-serial", f"chardev:rig{n}")]),
    # Without highmem, BARs are below 4 GiB, where the adapter can access them. The processor is one that
    # takes the emulator the least. One UART is the machine's, the others are a card's.
    "arm64": Machine("qemu-system-aarch64", [(("-M", "-machine"), ["-M", "virt,gic-version=3,highmem=off"]),
                                             (("-cpu",), ["-cpu", "cortex-a72"])], "ttyAMA0", "pci_cfg_write",
                     ["-serial", "chardev:rig0", "-chardev", "null,id=none0", "-chardev", "null,id=none1", "-device",
                      "pci-serial-4x,bus=pcie.0,addr=1e.0,chardev1=none0,chardev2=rig1,chardev3=rig2,chardev4=none1"]),
}


def die(text):
    print(f"vm: {text}", file=sys.stderr)
    sys.exit(2)


def env(name, default=""):
    return os.environ.get(name) or default


def flag(name):
    return env(name, "0") not in ("0", "n", "no", "false")


def size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if not match:
        die(f"invalid DISK_SIZE={text}, expected bytes, or a number with K, M or G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]


class Cpio:
    """The archive of one run: a newc cpio that the kernel unpacks after the shared ones."""

    def __init__(self):
        self.out = bytearray()
        self.made = set()
        self.ino = 0

    def entry(self, name, mode, data=b""):
        self.ino += 1
        fields = [self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        self.out += b"070701" + b"".join(b"%08X" % f for f in fields) + name + b"\0"
        self.out += b"\0" * (-len(self.out) % 4) + data
        self.out += b"\0" * (-len(self.out) % 4)

    def directory(self, name):
        parent = os.path.dirname(name)
        if parent and parent not in self.made:
            self.directory(parent)
        if name not in self.made:
            self.made.add(name)
            self.entry(os.fsencode(name), 0o40755)

    def add(self, path, name):
        """A file, a symbolic link or a directory with all below it."""
        st = path.lstat()
        self.directory(os.path.dirname(name))
        if stat.S_ISLNK(st.st_mode):
            self.entry(os.fsencode(name), 0o120777, os.fsencode(os.readlink(path)))
        elif stat.S_ISREG(st.st_mode):
            self.entry(os.fsencode(name), 0o100000 | (st.st_mode & 0o777), path.read_bytes())
        elif stat.S_ISDIR(st.st_mode):
            self.directory(name)
            for child in sorted(path.iterdir()):
                self.add(child, f"{name}/{child.name}")

    def write(self, path):
        self.entry(b"TRAILER!!!", 0)
        path.write_bytes(self.out)


def kernel_env(build):
    path = build / "kernel" / "env"
    if not path.exists():
        die(f"{path} is missing: run make modules first")
    values = dict(line.split("=", 1) for line in path.read_text().split("\n") if "=" in line)
    values.setdefault("KARCH", "amd64")
    if values["KARCH"] not in MACHINES:
        die(f"the kernel is for {values['KARCH']}, and the rig boots {' and '.join(MACHINES)}")
    if not values["KIMAGE"]:
        die("KDIR is set, but not KIMAGE: set it to the directory with boot/vmlinuz-KVER and lib/modules/KVER")
    return values


def topology(path, vmdir, arch):
    """
    The QEMU arguments of a topology file: shell words, '#' comments, ${DISK0} ... ${DISK9}, ${VMDIR}.

    A line that begins with "@ARCHITECTURE" is for kernels of that architecture. A file that has lines for
    some architectures is for no other.
    """
    try:
        lines = [re.fullmatch(r"(?:@(\w+)\s+)?(.*)", line) for line in path.read_text().split("\n")]
        words = shlex.split("\n".join(m[2] for m in lines if m[1] in (None, arch)), comments=True)
    except (OSError, ValueError) as error:
        die(f"topology {path}: {error}")
    some = {m[1] for m in lines if m[1]}
    if some and arch not in some:
        die(f"topology {path} is for {' and '.join(sorted(some))}, and the kernel for {arch}")
    disks = {}

    def value(match):
        name = match[1]
        if name == "VMDIR":
            return str(vmdir)
        if re.fullmatch(r"DISK\d", name):
            if name not in disks:
                disks[name] = Path(env(name)) if env(name) else vmdir / f"{name.lower()}.raw"
                if not env(name):
                    with open(disks[name], "wb") as image:
                        image.truncate(size(env("DISK_SIZE", "256M")))
                elif not disks[name].exists():
                    die(f"{name}={disks[name]} does not exist: leave {name} out for a fresh image")
            return str(disks[name].resolve())
        if os.environ.get(name) is None:
            die(f"topology {path}: ${{{name}}} is neither DISK0 to DISK9, VMDIR nor in the environment")
        return os.environ[name]

    return [re.sub(r"\$\{(\w+)\}", value, word) for word in words]


def qemu_args(topo, kernel, vmdir, initrd, limit):
    """QEMU's arguments: the topology, and defaults for what it does not set."""
    machine = MACHINES[kernel["KARCH"]]
    args = [machine.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]

    def default(names, *words):
        if not any(n in topo for n in names):
            args.extend(words)
    for names, words in machine.defaults:
        default(names, *words)
    default(["-accel", "-enable-kvm"], "-accel", "tcg,thread=single")
    default(["-m"], "-m", env("MEM", "2G"))
    default(["-smp"], "-smp", env("SMP", "2"))
    for variable, option in (("MEM", "-m"), ("SMP", "-smp")):
        if env(variable) and option in topo:
            print(f"vm: {variable}={env(variable)} ignored: the topology sets {option}")
    append = (f"console={machine.console} loglevel=7 panic=-1 oops=panic log_buf_len=8M slab_nomerge mitigations=off "
              # The timer check fails if a busy host stalls the guest's processors. Self-tests and the
              # like take seconds of every boot, and do not matter to our tests.
              "no_timer_check cryptomgr.notests=1 initcall_blacklist=init_encrypted,crypto_kdf108_init,"
              "bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init "
              # QEMU translates code once for each address: all processes use the same addresses
              "norandmaps "
              # A busy host may stall the guest; a real hang runs into the time limit.
              "rcupdate.rcu_cpu_stall_timeout=150 "
              "nvme_core.multipath=N nvme_core.io_timeout=30 "
              f"p2pmem.timeout={limit - 40 if limit >= 80 else limit // 2} {env('APPEND')}").strip()
    args += ["-kernel", f"{kernel['KIMAGE']}/boot/vmlinuz-{kernel['KVER']}", "-initrd", str(initrd),
             "-append", append]
    for n, name in enumerate(("console.log", "talk.log", "files.raw")):
        args += ["-chardev", f"file,id=rig{n},path={vmdir / name}"]
    args += machine.serial
    if flag("ICOUNT"):
        args += ["-icount", "shift=0,sleep=off"]
    args += topo
    if flag("TRACE"):
        args += ["-D", str(vmdir / "trace.log")]
        for event in EVENTS + [machine.marks] + env("TRACE_EVENTS").split():
            args += ["-trace", event]
    return args


class Watch:
    """UNTIL: search the output of the running guest for a matching line."""

    def __init__(self, paths, pattern):
        self.pattern = re.compile(pattern.encode())
        self.rest = dict.fromkeys(paths if pattern else [], b"")
        self.at = dict.fromkeys(paths, 0)

    def found(self):
        for path, rest in self.rest.items():
            if not path.exists():
                continue
            with open(path, "rb") as log:
                log.seek(self.at[path])
                new = log.read()
            self.at[path] += len(new)
            *lines, self.rest[path] = (rest + new).split(b"\n")
            for line in lines:
                match = self.pattern.search(line)
                if match:
                    return line[match.start():].decode(errors="replace").strip()
        return None


def run_qemu(args, vmdir, limit):
    """Boot and wait for the end: None after a power-off, otherwise the reason."""
    watch = Watch([vmdir / "console.log", vmdir / "talk.log"], env("UNTIL"))
    deadline = time.monotonic() + limit
    with open(vmdir / "qemu.log", "wb") as log:
        qemu = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def stop(signum, _frame):
            qemu.kill()
            qemu.wait()
            sys.exit(128 + signum)
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, stop)
        while True:
            try:
                status = qemu.wait(timeout=max(0, min(1, deadline - time.monotonic())))
                break
            except subprocess.TimeoutExpired:
                line = watch.found()
                if line is None and time.monotonic() < deadline:
                    continue
            qemu.kill()
            qemu.wait()
            return f"ended at: {line}" if line else f"timeout: no power-off within {limit} s"
    if status:
        text = (vmdir / "qemu.log").read_text(errors="replace").strip().split("\n")[-1]
        return f"qemu ended with status {status}: {text}"
    return None


class Evaluator:
    """Read the guest's report and decide. A missing report is a failure."""

    def __init__(self, vmdir):
        self.reasons = []
        self.data, self.allowed, self.tap = {}, [], []
        self.status = self.verdict = None
        self.said = []
        self.stage = "boot"
        self.read_talk(vmdir / "talk.log")
        self.console = (vmdir / "console.log").read_text(errors="replace") if (vmdir / "console.log").exists() else ""

    def read_talk(self, path):
        lines = path.read_text(errors="replace").split("\n") if path.exists() else []
        for line in filter(None, (line.strip("\r\0") for line in lines)):
            if self.verdict is not None:
                self.reasons.append(f"the guest continued after its verdict: {line}")
                break
            kind, _, rest = line.partition(" ")
            if kind == "verdict":
                self.verdict = rest
            elif kind == "booted":
                self.stage = "test"
            elif kind == "stage":
                self.stage = rest
            elif kind == "status":
                self.status = int(rest) if rest.lstrip("-").isdigit() else None
            elif kind == "failure":
                self.said.append(rest)
            elif kind == "tap":
                self.tap.append(rest)
            elif kind == "data":
                key, _, value = rest.partition(" ")
                self.data[key] = int(value) if re.fullmatch(r"-?\d{1,18}", value) else value
            elif kind == "allowed":
                count, _, regex = rest.partition(" ")
                self.allowed.append({"count": int(count), "regex": regex})

    def count_tap(self):
        plan, numbers, passed, failures, skips = None, [], 0, [], []
        for line in self.tap:
            match = re.match(r"1\.\.(\d+)", line)
            if match:
                if plan is not None:
                    self.reasons.append("the test printed two plans")
                plan = int(match[1])
                continue
            if line.startswith("Bail out!"):
                self.reasons.append(line)
                continue
            match = re.match(r"(not )?ok\b(?: +(\d+))?(?: *- *)?(.*)", line)
            if not match:
                continue
            numbers.append(int(match[2]) if match[2] else len(numbers) + 1)
            name, _, directive = match[3].partition(" # ")
            skip = re.match(r"SKIP\b[: ]*(.*)", directive, re.I)
            if match[1]:
                failures.append(name)
            elif skip:
                skips.append({"name": name, "reason": skip[1]})
                if not skip[1].strip():
                    self.reasons.append(f"skipped without a reason: {name}")
            else:
                passed += 1
        if numbers and plan is None:
            self.reasons.append(f"the test has no plan (1..N) for its {len(numbers)} lines")
        if plan is not None and numbers != list(range(1, plan + 1)):
            self.reasons.append(f"planned 1..{plan}, saw {len(numbers)} tests"
                                + ("" if len(numbers) != plan else " in another order"))
        if plan == 0:
            self.reasons.append("the plan has no tests (1..0)")
        if failures:
            self.reasons.append(f"{len(failures)} of {len(numbers)} tests failed, first: {failures[0]}")
        return {"planned": plan, "seen": len(numbers), "passed": passed, "failed": len(failures),
                "skipped": len(skips), "failures": failures, "skips": skips}

    def decide(self, ended):
        tap = self.count_tap()
        panic = re.search(r"Kernel panic - not syncing: .*", self.console)
        if panic:
            self.reasons.insert(0, f"{panic[0].strip()} (stage: {self.stage})")
        elif ended:
            self.reasons.insert(0, f"{ended} (stage: {self.stage})")
        elif self.verdict is None:
            self.reasons.insert(0, f"the guest stopped without a verdict (stage: {self.stage})")
        if self.verdict not in (None, "pass") and not self.said:
            self.said.append(self.verdict)
        if self.verdict == "pass" and self.status != 0:
            self.reasons.append("the guest reported pass, but the exit status is not 0")
        self.reasons += self.said
        return "fail" if self.reasons else "pass", tap


def unpack_files(vmdir):
    """Unpack the files that the guest sent with put_file; a damaged one is a failure."""
    reasons, names, block, name = [], [], [], None
    raw = vmdir / "files.raw"
    lines = raw.read_text(errors="replace").split("\n") if raw.exists() else []
    for line in (line.strip("\r") for line in lines):
        if line.startswith("file "):
            name, block = os.path.basename(line[5:]), []
        elif line.startswith("end ") and name:
            try:
                data = gzip.decompress(base64.b64decode("".join(block)))
            except (ValueError, OSError, EOFError):
                data = b""
            if hashlib.sha256(data).hexdigest() == line[4:].strip():
                (vmdir / "files").mkdir(exist_ok=True)
                (vmdir / "files" / name).write_bytes(data)
                names.append(name)
            else:
                reasons.append(f"file {name} is damaged")
            name = None
        elif name:
            block.append(line)
    if name:
        reasons.append(f"file {name} is incomplete")
    raw.unlink(missing_ok=True)
    return reasons, names


def prepare(vmdir):
    vmdir.mkdir(parents=True, exist_ok=True)
    lock = open(vmdir / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        die(f"{vmdir} is in use by another run: set another NAME= for this one")
    for old in vmdir.iterdir():
        if old.name == ".lock":
            continue
        if any(env(f"DISK{n}") and Path(env(f"DISK{n}")).resolve() == old.resolve() for n in range(10)):
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    return lock


def main():
    if not env("TOPO") or not env("RUN"):
        die("usage: make vm TOPO=<topology file> RUN=<guest script> [TRACE=1] [NAME=x] ... (make help lists all)")
    topo, script = Path(env("TOPO")), Path(env("RUN"))
    for path in (topo, script):
        if not path.is_file():
            die(f"{path} does not exist (paths are relative to {os.getcwd()})")
    build = Path(env("BUILD", str(TOP / "build"))).resolve()
    kernel = kernel_env(build)
    stock = "".join("-stock-" + s for s in env("STOCK").split())
    vmdir = build / "vm" / env("NAME", f"{topo.stem}-{script.stem}{stock}")
    limit = int(env("TIMEOUT", "300"))
    lock = prepare(vmdir)

    shared = subprocess.run([str(RIG / "initramfs.sh"), str(build), env("STOCK")], stdout=subprocess.PIPE,
                            text=True, check=False)
    if shared.returncode:
        die("cannot make the guest's initramfs (see above)")
    own = Cpio()
    own.add(script, "run/test")
    for path in map(Path, env("EXTRA_FILES").split()):
        if not path.exists():
            die(f"EXTRA_FILES: {path} does not exist")
        own.add(path, f"extra/{path.resolve().name}")
    own.write(vmdir / "run.cpio")
    with open(vmdir / "initrd", "wb") as initrd:
        for part in shared.stdout.split() + [str(vmdir / "run.cpio")]:
            with open(part, "rb") as piece:
                shutil.copyfileobj(piece, initrd)
            initrd.write(b"\0" * (-initrd.tell() % 512))
    (vmdir / "run.cpio").unlink()

    args = qemu_args(topology(topo, vmdir, kernel["KARCH"]), kernel, vmdir, vmdir / "initrd", limit)
    (vmdir / "qemu.args").write_text("".join(f"{shlex.quote(a)}\n" for a in args))
    start = time.monotonic()
    ended = run_qemu(args, vmdir, limit)
    seconds = round(time.monotonic() - start, 1)
    (vmdir / "initrd").unlink()

    evaluator = Evaluator(vmdir)
    file_reasons, files = unpack_files(vmdir)
    evaluator.reasons += file_reasons
    verdict, tap = evaluator.decide(ended)
    report = {"version": 1, "name": vmdir.name, "verdict": verdict, "reasons": evaluator.reasons,
              "kernel": kernel["KVER"], "topology": str(topo), "script": str(script),
              "stock": env("STOCK").split(), "seconds": seconds, "exit_status": evaluator.status, "tap": tap,
              "allowed": evaluator.allowed, "data": evaluator.data, "files": files}
    (vmdir / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (vmdir / "verdict").write_text(verdict + "".join(f"\n{r}" for r in evaluator.reasons) + "\n")

    counts = f", {tap['passed']} of {tap['planned']} tests passed" if tap["planned"] else ""
    print(f"vm: {vmdir.name}: {verdict}{counts}, {seconds} s")
    for reason in evaluator.reasons[:10]:
        print(f"vm:   {reason}")
    if verdict != "pass":
        print(f"vm:   see {os.path.relpath(vmdir / 'console.log')}")
    lock.close()
    sys.exit(0 if verdict == "pass" else 1)


if __name__ == "__main__":
    main()
