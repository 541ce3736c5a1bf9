# SPDX-License-Identifier: GPL-2.0-only
"""
What the command p2pmem makes of machines at the edge of what there is: tables that are long, and longer than it reads.
"""

import json
import subprocess
import time

import machine

DEBUGFS = "sys/kernel/debug/p2pmem"


def switches():
    """32 drives that lend, 4 adapters, and what the kernel says of each pair: 1,152 of them"""
    lines = ["kernel 6.12.117-amd64 p2pmem", "cpu AuthenticAMD 25 17", "host 0000:00", "  00.0 host 1022:14a4"]
    names = []
    for port in range(4):
        lines += [f"  {port + 1:02x}.0 root 1022:14a5 x16 gen4", "    00.0 up 1000:c010 x16 gen4"]
        for drive in range(8):
            names.append(f"nvme{port * 8 + drive}")
            lines += [f"      {drive:02x}.0 down 1000:c010 x4 gen4",
                      f"        00.0 nvme 144d:a80a x4 gen4 name={names[-1]} driver=nvme bar=0:16K bar=2:128Mp lends=128M"]
        names.append(f"mlx5_{port}")
        lines += ["      09.0 down 1000:c010 x4 gen4", f"        00.0 net 15b3:1017 x16 gen4 name={names[-1]} driver=mlx5_core bar=0:32Mp"]
    lines += [f"pair {a} {b} ok host 4 - proved 0 1099511627776 16777216" for a in names if a.startswith("nvme") for b in names]
    return machine.Machine("\n".join(lines))


def stat(run_command, program, source):
    return json.loads(run_command(program, "--from", str(source), "--json", "stat")[1] or "{}")


def tables(tap, run_command, unpack, program, directory):
    m, snapshot, tree, again = switches(), *(directory / f"edges.{x}" for x in ("snapshot", "dir", "again"))
    with open(snapshot, "w", encoding="utf-8") as f:
        m.write(f)
    unpack(snapshot, tree)
    size = (tree / DEBUGFS / "counters").stat().st_size
    status, _, err = run_command(program, "--from", str(tree), "snapshot", str(again))
    for name, source in (("a snapshot", snapshot), ("a directory", tree), ("its snapshot", again)):
        said = stat(run_command, program, source)
        tap.result(size > 65536 and len(said.get("pairs", [])) == 32 * 36 and not said["not_read"],
                   f"a table of {size} bytes, {name}: every pair is read", f"{status} {err} {len(said.get('pairs', []))}")
    first = next(f.address for f in m.functions if "lends" in f.values)
    with open(tree / DEBUGFS / "counters", "w", encoding="ascii") as f:
        f.write("provider client maps unmaps bytes in_use peak failures\n")
        for n in range(260000):
            f.write(f"{first} {n:08x}:00:00.0 0 0 {n} 0 0 a-long-reason=1,another-one=2\n")
    begin = time.monotonic()
    said = stat(run_command, program, tree)
    took = time.monotonic() - begin
    tap.result(len(said.get("pairs", [])) > 200000 and took < 60 and
               [(n["path"], n["error"]) for n in said["not_read"]] == [(f"{DEBUGFS}/counters", "File too large")],
               f"a longer table than is read: {took:.1f} s", f"{said.get('not_read')} {len(said.get('pairs', []))}")
    subprocess.run(["rm", "-rf", str(tree), str(again)], check=True)


def controllers(tap, run_command, program, directory):
    """The kernel has a page for controllers, and ends it with "..." where there are more."""
    snapshot = directory / "edges.snapshot"
    m = switches()
    where = "sys/kernel/config/nvmet/subsystems/nqn.a/namespaces/1"
    for path, text in (("p2pmem", "1"), ("p2pmem_stats/provider", "".join(f"{n} 0000:03:00.0 ok proved\n" for n in range(200)) + "...")):
        m.put(f"{where}/{path}", text)
    with open(snapshot, "w", encoding="utf-8") as f:
        m.write(f)
    said = json.loads(run_command(program, "--from", str(snapshot), "--json", "nvmet")[1])
    text = run_command(program, "--from", str(snapshot), "nvmet")[1]
    tap.result(len(said["namespaces"][0]["controllers"]) == 200 and [n["path"] for n in said["not_read"]] == [f"{where}/p2pmem_stats/provider"],
               "controllers that the kernel does not list are missing", said["not_read"])
    tap.result("Not read: some controllers" in text, "and text says so, too", text[-300:])


def ports(tap, run_command, program, directory):
    """The remedy for redirect names every port, also of a machine with more than 64."""
    lines = ["kernel 6.12.117-amd64 p2pmem", "cpu GenuineIntel 6 1", "host 0000:00", "  00.0 host 8086:0001"]
    for port in range(1, 5):
        lines += [f"  {port:02x}.0 root 8086:2030 x16 gen4", "    00.0 up 1000:c010 x16 gen4"]
        for drive in range(20):
            lines += [f"      {drive:02x}.0 down 1000:c010 x4 gen4 acs=srcu",
                      f"        00.0 nvme 144d:a80a x4 gen4 driver=nvme bar=0:16K{' bar=2:128Mp lends=128M' if drive == 3 else ''}"]
    snapshot = directory / "edges.snapshot"
    with open(snapshot, "w", encoding="utf-8") as f:
        machine.Machine("\n".join(lines)).write(f)
    found = json.loads(run_command(program, "--from", str(snapshot), "--json", "check")[1])["findings"]
    named = max((f["remedy"] or "").count(";") + 1 for f in found)
    tap.result(named == 80, "the remedy for redirect names 80 ports", f"{named} {found}")


def interfaces(tap, run_command, program, directory):
    """The kernel takes any bytes as the name of an interface."""
    m = switches()
    f = next(f for f in m.functions if f.name == "mlx5_0")
    m.links["sys/class/net/eth\u00e4"] = f"../../{f.path.removeprefix('sys/')}/net/eth\u00e4"
    snapshot = directory / "edges.snapshot"
    with open(snapshot, "w", encoding="utf-8") as out:
        m.write(out)
    status, out, err = run_command(program, "--from", str(snapshot), "path", "nvme0", "eth\u00e4")
    tap.result(status in (0, 3) and f.address in out, "path to an interface whose name is not ASCII", err)


def unread(tap, run_command, program, directory):
    """What could not be read at the start is missing in every document of a watch."""
    m, snapshot = switches(), directory / "edges.snapshot"
    config = f"{m.functions[-1].path}/config"
    del m.files[config]
    m.errors[config] = 13
    with open(snapshot, "w", encoding="utf-8") as out:
        m.write(out)
    out = run_command(program, "--from", str(snapshot), "--json", "stat", "--watch", "0.05", "--count", "3")[1]
    said = [[n["what"] for n in d["not_read"]] for d in documents(out.splitlines(keepends=True))]
    tap.result(said == [["configuration space"]] * 3, "stat --watch: what could not be read at the start is said again", said)


def documents(pipe):
    """JSON documents as they come, each ended by a line of its own"""
    text = ""
    for line in pipe:
        text += line
        if line.startswith("}"):
            yield json.loads(text)
            text = ""


def hotplug(tap, env, unpack, program, directory):
    """A watch sees devices that come, go and are replaced, and keeps the peaks of those that stay."""
    m, snapshot, tree = switches(), directory / "edges.snapshot", directory / "edges.dir"
    with open(snapshot, "w", encoding="utf-8") as f:
        m.write(f)
    unpack(snapshot, tree)
    by_name = {f.name: f for f in m.functions if f.name}
    first, second, third = (by_name[f"nvme{n}"] for n in range(3))
    link = tree / "sys/bus/pci/devices" / first.address
    target = link.readlink()
    link.unlink()
    (tree / third.path / "p2pmem/available").write_text("0\n")

    def comes():
        (tree / third.path / "p2pmem/available").write_text("134217728\n")
        link.symlink_to(target)

    def goes():
        link.unlink()

    def is_full():
        (tree / second.path / "p2pmem/available").write_text("0\n")

    def is_replaced():
        # the old directory stays elsewhere: no file system gives its number to the new one
        (tree / second.path).rename(tree / "old")
        (tree / second.path).mkdir()
        for file in ("config", "resource", "class"):
            (tree / second.path / file).write_bytes((tree / "old" / file).read_bytes())
        (tree / second.path / "device").write_text("0xbeef\n")
        (tree / second.path / "p2pmem").mkdir()
        for file in ("size", "available"):
            (tree / second.path / "p2pmem" / file).write_text("4096\n")

    def lenders(document):
        return {p["function"]["address"]: p for p in document["providers"]}

    with subprocess.Popen([str(program), "--from", str(tree), "--json", "stat", "--watch", "0.2"], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        come = documents(p.stdout)
        said = lenders(next(come))
        tap.result(first.address not in said and second.address in said, "stat --watch: a device that is not there yet", list(said))
        for name, change, seen in (
                ("a device that comes", comes, lambda s: first.address in s and s[third.address]["peak"] == 128 << 20),
                ("a device that goes", goes, lambda s: first.address not in s and s[third.address]["peak"] == 128 << 20),
                ("a device whose memory is all used", is_full, lambda s: s[second.address]["peak"] == 128 << 20),
                # what the kernel says of its pairs stays
                ("a device that is replaced loses its peak", is_replaced, lambda s: s[second.address]["size"] == 4096 and
                 s[second.address]["function"]["driver"] is None and s[second.address]["peak"] == 16 << 20)):
            change()
            # the one that is being written, and some for a change that is half done
            for _ in range(4):
                said = lenders(next(come))
            tap.result(seen(said), f"stat --watch: {name}", said)
        p.terminate()
        _, err = p.communicate(timeout=20)
    tap.result(p.returncode == 0 and not err, "and it ends in peace", f"{p.returncode} {err}")
    subprocess.run(["rm", "-rf", str(tree)], check=True)


def sleeps(pid):
    """Waits until the process sleeps: it has read the machine."""
    seen, end = 0, time.monotonic() + 30
    while seen < 3 and time.monotonic() < end:
        time.sleep(0.1)
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            seen = seen + 1 if f.read().rsplit(") ", 1)[1][0] == "S" else 0


def containers(tap, env, unpack, program, directory):
    """An interface without a device, and the first interval, do not have the whole machine read again: what is read once stays."""
    m, snapshot, tree = switches(), directory / "edges.snapshot", directory / "edges.dir"
    with open(snapshot, "w", encoding="utf-8") as f:
        m.write(f)
    unpack(snapshot, tree)
    first = next(f for f in m.functions if f.name == "nvme0")
    net = tree / "sys/class/net"
    (tree / "sys/devices/virtual/net/veth0").mkdir(parents=True)
    net.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([str(program), "--from", str(tree), "--json", "stat", "--watch", "2"], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        come = documents(p.stdout)
        sleeps(p.pid)
        (tree / first.path / "numa_node").write_text("5\n")
        was = next(come)
        (net / "veth0").symlink_to("../../devices/virtual/net/veth0")
        said = [next(come), next(come)]
        (net / "eth9").symlink_to(f"../../devices/pci0000:00/{first.path.split('/', 3)[3]}/net/eth9")
        (tree / first.path / "net/eth9").mkdir(parents=True)
        (tree / first.path / "net/eth9/device").symlink_to("../..")
        next(come)
        again = next(come)
        p.terminate()
        p.communicate(timeout=20)
    ids = [d["providers"][0]["function"]["numa_node"] == 5 for d in (was, *said, again)]
    tap.result(ids == [False, False, False, True], "stat --watch: an interface of a container is no change of the machine", f"{ids} {was['providers'][0]}")
    subprocess.run(["rm", "-rf", str(tree)], check=True)


def run(tap, env, run_command, unpack, program, sanitized, directory):
    tables(tap, run_command, unpack, program, directory)
    controllers(tap, run_command, sanitized, directory)
    ports(tap, run_command, sanitized, directory)
    unread(tap, run_command, sanitized, directory)
    hotplug(tap, env, unpack, sanitized, directory)
    containers(tap, env, unpack, sanitized, directory)
    interfaces(tap, run_command, sanitized, directory)
