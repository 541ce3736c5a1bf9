#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
boot.py: boot the image of a Debian system with its own kernel and initramfs, and let it run a step.

boot.py [OPTION...] IMAGE OUT STEP FILE...
    IMAGE  a raw file system that image.sh made; it is changed, as a machine changes its disk
    OUT    a directory for console.log, report.log, qemu.args and temporary files
    STEP   the script that the system runs when it is up; FILEs are beside it

    --kernel RELEASE  boot this kernel instead of the newest one in /boot
    --append WORDS    more kernel parameters
    --timeout N       seconds until the boot has failed (1800)
    --vars FILE       boot by UEFI, whose variables are FILE: with keys in it Secure Boot is on
    --cut REGEX N FILE
                      N seconds after the first line of the report that matches, copy the image as a power
                      cut at that moment leaves it; may be repeated. QEMU is killed after the last one
    --qemu ARGS       more arguments of QEMU, split like words in a shell
    --list            print the releases in /boot, the newest last, and do nothing else

Kernel and initramfs are read from the file system in IMAGE as a boot loader does: without a replay
of its journal. The system reports on its second serial port, in lines:

    booted RELEASE | plan NUMBER | ok - TEXT | not ok - TEXT | # TEXT | data NAME VALUE | end STATUS

These are printed, and a line "not ok - boot: TEXT" for a boot or a step that did not come to its end. Exit
status: 0 all is ok, or the power was cut as each --cut says; 1 something is not; 2 usage error. The number of
checks that a step has planned is compared by lib.sh.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "rig"))
sys.dont_write_bytecode = True
import vm  # noqa: E402  pylint: disable=wrong-import-position

# of Debian's package ovmf
FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
APPEND = ("console=ttyS0 loglevel=5 panic=-1 mitigations=off no_timer_check cryptomgr.notests=1 "
          "rcupdate.rcu_cpu_stall_timeout=150 nvme_core.multipath=N nvme_core.io_timeout=5 "
          # QEMU translates code once for each address: all processes use the same addresses
          "norandmaps systemd.show_status=error systemd.log_color=0")


def debugfs(image, command):
    # checksums may be wrong before the replay; a boot loader does not verify them
    return subprocess.run(["debugfs", "-n", "-R", command, str(image)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


def version_key(text):
    """Sorts releases as sort -V does, near enough for Debian's."""
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.findall(r"\d+|\D+", text)]


def releases(image):
    """The kernels that a boot loader finds: those with an initramfs."""
    names = {line.split("/")[5] for line in debugfs(image, "ls -p /boot").decode().split("\n")
             if line.count("/") >= 6}
    found = [n[8:] for n in names if n.startswith("vmlinuz-") and "initrd.img-" + n[8:] in names]
    return sorted(found, key=version_key)


class Report:
    """The lines that the system writes to its second serial port, while it runs."""

    def __init__(self, path):
        self.path, self.at, self.rest = path, 0, b""
        self.booted, self.status, self.bad = None, None, 0

    def new_lines(self):
        if not self.path.exists():
            return []
        with open(self.path, "rb") as log:
            log.seek(self.at)
            data = log.read()
        self.at += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode(errors="replace").strip("\r\0") for line in lines]

    def read(self):
        """Print what is new; the lines."""
        lines = self.new_lines()
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "booted":
                self.booted = rest
            elif word == "end":
                self.status = int(rest) if rest.isdigit() else 99
            elif word == "not":
                self.bad += 1
            print(line, flush=True)
        return lines


class Cut:
    """A power cut: what it leaves of the image is copied while QEMU is stopped."""

    def __init__(self, regex, after, copy):
        self.regex, self.after, self.copy = regex, after, Path(copy)
        self.at, self.done = None, False

    def see(self, lines):
        if self.at is None and any(re.search(self.regex, line) for line in lines):
            self.at = time.monotonic() + float(self.after)

    def due(self):
        return not self.done and self.at is not None and time.monotonic() >= self.at

    def take(self, qemu, image):
        """
        All that QEMU has written is in the file, as if it were killed now. Returns the seconds it took; the
        cut is not done if QEMU had ended.
        """
        begin = time.monotonic()
        if qemu.poll() is not None:
            return 0
        os.kill(qemu.pid, signal.SIGSTOP)
        state = os.waitid(os.P_PID, qemu.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state.si_code == os.CLD_STOPPED:
            subprocess.run(["cp", "--sparse=always", image, self.copy], check=True)
            qemu.send_signal(signal.SIGCONT)
            self.done = True
        return time.monotonic() - begin


def run(args, out, options, report):
    """Boot; None when it is over as it should be, otherwise the reason."""
    deadline = time.monotonic() + options.timeout
    cuts = [Cut(*c) for c in options.cut]
    with open(out / "qemu.log", "wb") as log:
        qemu = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: sys.exit(128 + number))
    try:
        while True:
            try:
                status = qemu.wait(timeout=0.1)
                report.read()
                break
            except subprocess.TimeoutExpired:
                pass
            lines = report.read()
            for cut in cuts:
                cut.see(lines)
            for cut in cuts:
                if cut.due():
                    stood = cut.take(qemu, options.image)
                    deadline += stood
                    for other in cuts:
                        if other.at is not None:
                            other.at += stood
            if cuts and all(cut.done for cut in cuts):
                return None
            if time.monotonic() >= deadline:
                return f"no power-off within {options.timeout} s"
    finally:
        if qemu.poll() is None:
            qemu.kill()
            qemu.wait()
    if status:
        return f"qemu ended with status {status}: " + (out / "qemu.log").read_text(errors="replace").strip()
    for cut in cuts:
        if not cut.done:
            return (f"no line matched {cut.regex}, so the power was not cut" if cut.at is None else
                    f"the power was not cut {cut.after} s after {cut.regex}: the system had ended")
    if report.status is None:
        return "the system ended without the end of its step"
    if report.status:
        return f"the step ended with status {report.status}"
    return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("image", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("step", type=Path, nargs="?")
    parser.add_argument("files", type=Path, nargs="*")
    for name in ("--kernel", "--append", "--qemu", "--vars"):
        parser.add_argument(name, default="")
    parser.add_argument("--cut", nargs=3, action="append", default=[])
    parser.add_argument("--timeout", type=int, default=1800)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    for _, after, copy in options.cut:
        if not re.fullmatch(r"\d+(\.\d+)?", after):
            parser.error(f"--cut: {after} is no number of seconds")
        Path(copy).unlink(missing_ok=True)
    image, out = options.image.resolve(), options.out
    found = releases(image)
    if options.list:
        print("\n".join(found))
        return 0
    kernel = options.kernel or (found[-1] if found else "")
    if kernel not in found:
        print(f"not ok - boot: /boot has no kernel {kernel} with its initramfs: {' '.join(found)}")
        return 1

    out.mkdir(parents=True, exist_ok=True)
    for old in ("console.log", "report.log"):
        (out / old).unlink(missing_ok=True)
    for name in ("vmlinuz", "initrd.img"):
        (out / name).write_bytes(debugfs(image, f"cat /boot/{name}-{kernel}"))
    with tarfile.open(out / "step.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(options.step, "step.sh")
        for path in options.files:
            tar.add(path, path.name)
    os.environ["DISK0"] = str(image)
    uuid = re.search(rb"UUID: +(\S+)", debugfs(image, "show_super_stats -h"))[1].decode()
    args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-M", "q35,smm=on" if options.vars else "q35", "-accel", "tcg,thread=single", "-m", "1G", "-smp", "1",
            "-kernel", str(out / "vmlinuz"), "-initrd", str(out / "initrd.img"),
            "-append", f"root=UUID={uuid} ro {APPEND} {options.append}".strip()]
    for n, name in enumerate(("console.log", "report.log")):
        args += ["-chardev", f"file,id=s{n},path={out / name}", "-serial", f"chardev:s{n}"]
    if options.vars:
        # only the firmware itself can write the variables
        args += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
        for n, flash in enumerate((f"{FIRMWARE},readonly=on", Path(options.vars).resolve())):
            args += ["-drive", f"if=pflash,format=raw,unit={n},file={flash}"]
    args += vm.topology(HERE / "boot.topo", out.resolve(), "amd64") + shlex.split(options.qemu)
    (out / "qemu.args").write_text("".join(f"{shlex.quote(a)}\n" for a in args))

    start = time.monotonic()
    report = Report(out / "report.log")
    reason = run(args, out, options, report)
    seconds = round(time.monotonic() - start)
    for name in ("vmlinuz", "initrd.img", "step.tar"):
        (out / name).unlink()
    print(f"# {kernel}: {seconds} s")
    if reason:
        print(f"not ok - boot: {reason}")
        console = (out / "console.log").read_text(errors="replace") if (out / "console.log").exists() else ""
        for line in console.split("\n")[-15:]:
            print(f"# {line.rstrip()}")
        return 1
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
