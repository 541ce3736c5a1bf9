# SPDX-License-Identifier: GPL-2.0-only
"""
What the command p2pmem does with what nobody means well: captured trees with pipes, devices, circles and files
without end, text that a terminal would obey, outputs that cannot be written, machines without /sys.
"""

import errno
import fcntl
import json
import os
import random
import resource
import shlex
import signal
import stat
import struct
import subprocess
import termios
import time

from terminal import status_of

COMMANDS = ["list", "topo", "topo --tree", "topo --dot", "stat", "check", "nvmet", "--json topo", "--json check",
            "--json nvmet", "--json stat"]
# kept down: a command that reads a file without end must not take the machine with it
MEMORY = 1 << 30


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run_command(env, program, *arguments, **more):
    try:
        done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, check=False, env=env,
                              **{"stdin": subprocess.DEVNULL, "timeout": 30, **more})
    except subprocess.TimeoutExpired:
        return "does not end", b"", b""
    return done.returncode, done.stdout, done.stderr


def sound(status, err):
    """It ended by itself, and no sanitizer said anything."""
    return status in (0, 1, 3) and b"Sanitizer" not in err and b"runtime error" not in err


def fifos_and_devices(tap, env, program, plain, directory):
    """Each file of a captured machine, replaced by something else; and files without end."""
    for kind in ("a pipe", "a directory", "a circle of links", "a file without end", "nothing", "zero bytes", "noise"):
        # the second has a configuration of its kernel, which is searched
        tree = directory / ("upstream-lends.dir" if "end" in kind else "two-sockets.dir")
        copy = directory / "hostile.dir"
        subprocess.run(["rm", "-rf", str(copy)], check=True)
        subprocess.run(["cp", "-a", str(tree), str(copy)], check=True)
        noise = random.Random(1)
        for path in sorted(p for p in copy.rglob("*") if p.is_file() and not p.is_symlink()):
            if noise.random() < 0.3 and "boot" not in path.parts:
                continue
            path.unlink()
            if kind == "a pipe":
                os.mkfifo(path)
            elif kind == "a directory":
                path.mkdir()
            elif kind == "a circle of links":
                path.symlink_to(path.name)
            elif kind == "a file without end":
                with open(path, "wb") as f:
                    f.truncate(1 << 40)
            elif kind == "zero bytes":
                path.write_bytes(b"")
            elif kind == "noise":
                path.write_bytes(noise.randbytes(noise.choice((1, 63, 64, 65, 100, 255, 300, 4096))))
        # address space is not limited under the sanitizer
        for which, more in ((program, {}), (plain, {"preexec_fn": limited})):
            bad = []
            for command in ("topo --tree", "--json check", "--json nvmet", "stat"):
                status, _, err = run_command(env, which, "--from", copy, *shlex.split(command), **more)
                if not sound(status, err):
                    bad.append(f"{command}: {status}: {err.decode(errors='replace')[:300]}")
            tap.result(not bad, f"files that are {kind}, {'sanitized' if which is program else 'in 1 GiB'}", "\n".join(bad))
    subprocess.run(["rm", "-rf", str(directory / "hostile.dir")], check=True)


def special_files(tap, env, program, directory):
    """Pipes that have what a file would have, and as root devices: none is read, not even opened."""
    tree = directory / "special.dir"
    # the configuration of its kernel is searched for a line
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    subprocess.run(["cp", "-a", str(directory / "upstream-lends.dir"), str(tree)], check=True)
    files = sorted(p for p in tree.rglob("*") if p.is_file() and not p.is_symlink())
    kinds = ["a pipe", "a device"] if not os.geteuid() else ["a pipe"]
    if "a device" not in kinds:
        print("# devices are made by root only")
    for kind in kinds:
        pipes = []
        for path in files:
            if kind == "a pipe":
                content = path.read_bytes()
                path.unlink()
                os.mkfifo(path)
                fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
                os.write(fd, content[:4096])
                pipes.append((path, content[:4096], fd))
            else:
                path.unlink()
                # no driver has this number: to open it fails, as a snapshot would say
                os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(4095, 0))
        status, out, err = run_command(env, program, "--from", tree, "snapshot", "-")
        lines = out.decode().split("\n")
        wrong = [f"{line}: {lines[i + 1]}" for i, line in enumerate(lines) if line[:2] in ("F ", "X ") or
                 (line.startswith("E ") and lines[i + 1].strip() != str(errno.EINVAL))]
        errors = sum(line.startswith("E ") for line in lines)
        tap.result(sound(status, err) and not wrong and errors > 20, f"what is {kind} is not opened: {errors} files", f"{wrong} {err}")
        wrong = []
        for command in COMMANDS:
            status, _, err = run_command(env, program, "--from", tree, *shlex.split(command))
            if not sound(status, err):
                wrong.append(f"{command}: {status} {err}")
        for path, content, fd in pipes:
            if os.read(fd, 4096 + 1) != content:
                wrong.append(f"{path} has been read")
            os.close(fd)
        tap.result(not wrong, f"all commands where files are {kind}", "\n".join(wrong))
    subprocess.run(["rm", "-rf", str(tree)], check=True)


def links(tap, env, program, directory):
    """Links in other words than the kernel's lead to the same: so a snapshot says, and one of it"""
    source, again = directory / "two-sockets.snapshot", directory / "links.again"
    want = [run_command(env, program, "--from", source, *c.split())[:2] for c in ("list", "topo", "topo --tree", "stat")]
    for name, words in (("double slashes", "..//../../devices/"), ("dots", "./../.././../devices/"),
                        ("absolute", "/sys/devices/"), ("around", "../../x/../../devices/../devices/")):
        path = directory / "links"
        path.write_text(source.read_text().replace("\n ../../../devices/pci", f"\n {words}pci").replace(
            "\n ../../devices/pci", f"\n {words if words[0] == '/' else '..//.././devices/'}pci"))
        run_command(env, program, "--from", path, "snapshot", again)
        for which in (path, again):
            got = [run_command(env, program, "--from", which, *c.split())[:2] for c in ("list", "topo", "topo --tree", "stat")]
            tap.result(got == want, f"links with {name}: {which.name}", got)


ESCAPES = """p2pmem snapshot 1
F proc/sys/kernel/osrelease
 6.1\033[2J\007
F sys/module/p2pdma/parameters/host_bridges
 +\033[31m
L sys/bus/pci/devices/0000:00:00.0
 ../../../devices/pci0000:00/0000:00:00.0
L sys/bus/pci/devices/10000:01:00.0
 ../../../devices/pci10000:00/10000:01:00.0
L sys/bus/pci/devices/0000:00:\033]0;x
 ../../../devices/pci0000:00/0000:00:0
F sys/devices/pci0000:00/0000:00:00.0/vendor
 0x1234
F sys/devices/pci0000:00/0000:00:00.0/class
 0x010802
F sys/devices/pci0000:00/0000:00:00.0/resource
 0x0000000000001000 0x0000000000000fff 0x0000000000140204
 0x0000000000000000 0x0000000000000000 0x0000000000140204
 0xffffffffffffffff 0x0000000000000000 0x0000000000140204
F sys/devices/pci0000:00/0000:00:00.0/p2pmem/size
 67108864
F sys/devices/pci0000:00/0000:00:00.0/p2pmem/available
 99999999999999999999
F sys/devices/pci10000:00/10000:01:00.0/class
 0x010802
F sys/devices/pci10000:00/10000:01:00.0/resource
 0x0000000000000000 0xffffffffffffffff 0x0000000000140204
L sys/devices/pci10000:00/10000:01:00.0/driver
 ../../../bus/pci/drivers/\033[5mdriver\303\050
L sys/class/nvme/nvme\033[1A
 ../../devices/pci0000:00/0000:00:00.0/nvme/nvme\033[1A
L sys/class/net/eth\2330m"
 ../../devices/pci10000:00/10000:01:00.0/net/eth\2330m"
F sys/kernel/debug/p2pmem/providers
 provider published state size available own pins quota
 0000:00:00.0 1 \033[7m 1 1 0 0 0
F sys/kernel/debug/p2pmem/counters
 provider client maps unmaps bytes in_use peak failures
 0000:00:00.0 \033[1m 1 1 1 1 1 \033[2m=3
F sys/kernel/debug/p2pmem/paths
 provider client reason mapping distance at proof by_admin age current grants
 0000:00:00.0 10000:01:00.0 \033[0m \033[0m 3 \033[0m \033[0m 0 1 1 1
F sys/kernel/config/nvmet/subsystems/nqn\033[3m/namespaces/1/device_path
 /dev/\033[4m\377
F sys/kernel/config/nvmet/subsystems/nqn\033[3m/namespaces/1/p2pmem
 \033[8m
F sys/kernel/config/nvmet/subsystems/nqn\033[3m/namespaces/1/p2pmem_stats/provider
 1 \033[8m \033[8m \033[8m
F sys/kernel/config/nvmet/subsystems/nqn\033[3m/namespaces/1/p2pmem_stats/\033[9m
 7
"""


def escapes(tap, env, program, directory):
    path = directory / "escapes"
    path.write_bytes(ESCAPES.encode("latin-1"))
    # a control character in one byte and in two, half a character, and one that turns the direction of writing
    names = directory / "escapes.ids"
    names.write_bytes(b"1234  \033[2JE\233v\302\233i\303 l\342\200\256 \355\240\200 \300\257 \370\200 \n")
    env = {**env, "P2PMEM_PCI_IDS": str(names)}
    bad = []
    for command in [*COMMANDS, "path 0000:00:00.0 10000:01:00.0", "--json path 0000:00:00.0 10000:01:00.0", "--json list"]:
        status, out, err = run_command(env, program, "--from", path, *shlex.split(command))
        wild = [c for c in out + err if c != 10 and not 0x20 <= c < 0x7f and not (c == 9 and command == "topo --dot")]
        if not sound(status, err) or wild:
            bad.append(f"{command}: {status} {wild[:8]} {err.decode(errors='replace')[:300]}")
        if command.startswith("--json"):
            json.loads(out)
    tap.result(not bad, "nothing of a machine reaches the terminal but characters that can be shown", "\n".join(bad))
    tap.result("?[2JE?v??i? l???" in run_command(env, program, "--from", path, "topo")[1].decode(), "nor of the file of names")
    status, out, _ = run_command(env, program, "--from", path, "topo", "--dot")
    label = [line for line in out.decode().splitlines() if "10000:01:00.0\" [" in line]
    tap.result(len(label) == 1 and label[0].replace("\\\"", "").count("\"") % 2 == 0, "a quote in a name does not end a label",
               "\n".join(label))


def many(tap, env, program, directory):
    """20,000 functions below one bridge each: more than any machine has; then too many."""
    path = directory / "many"
    with open(path, "w", encoding="ascii") as f:
        f.write("p2pmem snapshot 1\n")
        for n in range(20000):
            name = f"{n >> 8:04x}:{n & 0xff:02x}:00.0"
            f.write(f"L sys/bus/pci/devices/{name}\n ../../../devices/pci{n >> 8:04x}:{n & 0xff:02x}/{name}\n"
                    f"F sys/devices/pci{n >> 8:04x}:{n & 0xff:02x}/{name}/class\n 0x028000\n")
    begin = time.monotonic()
    status, out, err = run_command(env, program, "--from", path, "list", preexec_fn=limited)
    tap.result(sound(status, err) and out, f"20,000 functions: {time.monotonic() - begin:.1f} s", f"{status} {err[:300]}")
    with open(path, "w", encoding="ascii") as f:
        f.write("p2pmem snapshot 1\n")
        for n in range(65536 + 3):
            f.write(f"D sys/bus/pci/devices/{n >> 13:04x}:{n >> 5 & 0xff:02x}:{n & 0x1f:02x}.0\n")
    status, out, err = run_command(env, program, "--from", path, "check")
    tap.result(sound(status, err) and out.count(b"too many PCI functions") == 3, "functions that are ignored are named",
               f"{status} {out[:300]} {err[:300]}")
    path.unlink()


def outputs(tap, env, program, snapshot, directory):
    """Standard output that is full, closed, or a pipe that nobody reads"""
    quoted = shlex.quote(str(program))
    for command in ("--help", "--version", f"--from {snapshot} topo", f"--from {snapshot} --json check",
                    f"--from {snapshot} topo --dot", f"--from {snapshot} topo --svg", f"--from {snapshot} snapshot -",
                    f"--from {snapshot} nvmet save -", f"--from {snapshot} stat --watch 0.05 --count 3"):
        for name, shell in (("full", f"{quoted} {command} >/dev/full"), ("closed", f"{quoted} {command} >&-"),
                            ("a pipe without a reader", f"{{ sleep 0.3; {quoted} {command}; echo $? >{directory}/status; }} | true; "
                             f"exit $(cat {directory}/status)")):
            done = subprocess.run(shell, shell=True, env=env, capture_output=True, text=True, check=False, timeout=60)
            said = command.replace(str(snapshot), "FILE")
            tap.result(done.returncode == 1 and done.stderr.strip() and "Sanitizer" not in done.stderr,
                       f"{said}: standard output {name}: an error and a message", f"{done.returncode} {done.stderr}")
    # under root, what is no file must not be removed or replaced
    device = directory / "device"
    device.unlink(missing_ok=True)
    os.mkfifo(device)
    status, _, err = run_command(env, program, "--from", snapshot, "nvmet", "save", device)
    tap.result(status == 1 and b"it is no file" in err and device.is_fifo(), "nvmet save to a pipe leaves it", err)
    device.unlink()
    link = directory / "full"
    link.unlink(missing_ok=True)
    link.symlink_to("/dev/full")
    status, _, err = run_command(env, program, "--from", snapshot, "snapshot", link)
    tap.result(status == 1 and b"No space left" in err and link.is_symlink(), "a snapshot that does not fit leaves the device",
               f"{status} {err}")
    link.unlink()


def interrupts(tap, env, program, snapshot):
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([str(program), "--from", str(snapshot), "stat", "--watch", "0.2"], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            first = p.stdout.readline()
            p.send_signal(number)
            out, err = p.communicate(timeout=20)
        tap.result(p.returncode == 0 and first.startswith("in use") and not err and (not out or out.endswith("\n")),
                   f"--watch ends in peace at {number.name}", f"{p.returncode} {first} {out} {err}")


def stalls(tap, env, program, snapshot):
    """One signal ends a watch whose reader has stalled."""
    for more in ([], ["--json"]):
        with subprocess.Popen([str(program), "--from", str(snapshot), *more, "stat", "--watch", "0.01"], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            fcntl.fcntl(p.stdout, fcntl.F_SETPIPE_SZ, 4096)
            # what stays as it is, is full
            full, end = -1, time.monotonic() + 30
            while time.monotonic() < end:
                time.sleep(0.5)
                was, full = full, struct.unpack("i", fcntl.ioctl(p.stdout, termios.FIONREAD, b"    "))[0]
                if was == full and full:
                    break
            waits = p.poll() is None
            p.send_signal(signal.SIGTERM)
            status = status_of(p)
            err = p.stderr.read()
        tap.result(waits and full and status != "does not end" and b"Sanitizer" not in err,
                   f"{' '.join(more)} stat --watch: one SIGTERM ends it when its reader has stalled".strip(), f"{waits} {full} {status} {err}")


def resets(tap, env, program, directory):
    """A counter that is smaller than a moment ago has moved nothing; below a second the wrong rate would overflow to 0."""
    tree = directory / "resets.dir"
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    subprocess.run(["cp", "-a", str(directory / "two-sockets.dir"), str(tree)], check=True)
    with subprocess.Popen([str(program), "--from", str(tree), "stat", "--watch", "1.1", "--count", "2"], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        p.stdout.readline()
        for path in tree.rglob("p2pmem_stats/*_bytes"):
            path.write_text("0\n")
        out, err = p.communicate(timeout=30)
    tap.result(p.returncode == 0 and out.count("peer 0 B/s, system 0 B/s") == 1 and not err, "stat --watch: counters that are reset",
               out + err)


def widths(tap, env, program, snapshot):
    want = run_command(env, program, "--from", snapshot, "topo")[1].count(b"\n")
    for columns in ("1", "2", "10", "0", "-1", "99999999999", "x", ""):
        bad = [c for c in ("topo", "list", "stat", "check", "topo --tree", "path nvme0 mlx5_0")
               if not sound(*[run_command({**env, "COLUMNS": columns}, program, "--from", snapshot, *c.split())[i] for i in (0, 2)])]
        tap.result(not bad and want, f"COLUMNS={columns}", bad)


def absent(tap, env, program, snapshot, directory):
    """Devices and machines that are not there"""
    for name in ("nvme99", "0000:ff:1f.7", "99:00.0", "/dev/", "", "0000:00:00.0:", "../../x", "x" * 3000):
        status, out, err = run_command(env, program, "--from", snapshot, "path", name, "nvme0")
        tap.result(status == 1 and not out and err.count(b"\n") == 1 and b"Sanitizer" not in err,
                   f"path {name[:20]}: there is none: one line", f"{status} {err[:300]}")
    empty = directory / "empty"
    empty.mkdir(exist_ok=True)
    for command in ("list", "topo", "check", "--json list", "snapshot -"):
        status, out, err = run_command(env, program, "--from", empty, *command.split())
        tap.result(status == 1 and not out and err.count(b"\n") == 1 and b"no /sys was captured" in err,
                   f"{command} of a directory without /sys: one line", f"{status} {out} {err}")
    if os.geteuid():
        return
    done = subprocess.run(["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys && exec \"$0\" list", str(program)], env=env,
                          capture_output=True, text=True, check=False)
    tap.result(done.returncode == 1 and not done.stdout and "is /sys mounted?" in done.stderr, "list without /sys: one line",
               f"{done.returncode} {done.stdout} {done.stderr}")


def run(tap, env, plain, sanitized, directory):
    snapshot = directory / "two-sockets.snapshot"
    fifos_and_devices(tap, env, sanitized, plain, directory)
    special_files(tap, env, sanitized, directory)
    links(tap, env, sanitized, directory)
    escapes(tap, env, sanitized, directory)
    many(tap, env, plain, directory)
    outputs(tap, env, plain, snapshot, directory)
    interrupts(tap, env, sanitized, snapshot)
    stalls(tap, env, sanitized, snapshot)
    resets(tap, env, sanitized, directory)
    widths(tap, env, sanitized, snapshot)
    absent(tap, env, sanitized, snapshot, directory)
