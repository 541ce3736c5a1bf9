# SPDX-License-Identifier: GPL-2.0-only
"""
The command p2pmem beside lspci and graphviz: names of functions are libpci's, the tree is that of bus numbers, and a
picture has the nodes and edges of --dot.
"""

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
SVG = "{http://www.w3.org/2000/svg}"


def configs(tree):
    """Addresses and configuration spaces of a directory"""
    for link in sorted((tree / "sys/bus/pci/devices").iterdir()):
        config = link / "config"
        if config.is_file() and config.stat().st_size >= 64:
            yield link.name, config.read_bytes()


def dump(tree, path):
    """What "lspci -xxxx" writes of it, which lspci -F reads"""
    with open(path, "w", encoding="ascii") as f:
        for address, config in configs(tree):
            f.write(f"{address} Class\n")
            config = config[:256] if len(config) < 4096 else config
            for at in range(0, len(config) // 16 * 16, 16):
                f.write(f"{at:02x}: {config[at:at + 16].hex(' ')}\n")
            f.write("\n")


def lspci(program, path, *options):
    done = subprocess.run([program, "-D", "-F", str(path), "-i", str(HERE / "pci.ids"), *options], capture_output=True, text=True,
                          check=False)
    return done.stdout if done.returncode == 0 else ""


def functions(value):
    """Every function in JSON, by its address"""
    found = {}
    if isinstance(value, dict):
        if "address" in value and "id" in value:
            found[value["address"]] = value
        for v in value.values():
            found.update(functions(v))
    elif isinstance(value, list):
        for v in value:
            found.update(functions(v))
    return found


def names(tap, run_command, program, machines, directory):
    lister, seen = shutil.which("lspci"), 0
    tap.result(lister, "lspci is there")
    for name, snapshot, _ in machines if lister else []:
        path = directory / f"{name}.lspci"
        tree = directory / f"{name}.dir"
        dump(tree, path)
        # its own file of names only, as the command has: no data base of udev
        said = dict(re.findall(r"^(\S+) [^:]*: (.*?)(?: \(rev \w+\))?(?: \(prog-if .*\))?$",
                               lspci(lister, path, "-Ohwdb.disable=1"), re.M))
        numbers = {a: f"{v}:{d}" for a, v, d in
                   re.findall(r'^(\S+) "[^"]*" "([^"]*)" "([^"]*)"', lspci(lister, path, "-mm", "-n"), re.M)}
        wrong = []
        ours = functions([json.loads(run_command(program, "--from", str(snapshot), "--json", c)[1]) for c in ("list", "topo")])
        for address, f in ours.items():
            if address not in said or numbers[address].startswith("ffff"):
                continue
            seen += 1
            if f["name"] != said[address] or f["id"] != numbers[address]:
                wrong.append(f"{address}: {f['name']} {f['id']}; lspci: {said[address]} {numbers[address]}")
        tap.result(not wrong, f"{name}: names are those of lspci -s", "\n".join(wrong))
    tap.result(seen > 50 or not lister, f"{seen} names have been compared")


def branches(value, above=()):
    """Each function of --json topo --tree, and those above it"""
    for v in value:
        if "below" in v and v["address"].startswith("pci"):
            yield from branches(v["below"])
            continue
        yield v["address"], [*above, v["address"]]
        yield from branches(v.get("below", []), [*above, v["address"]])


def label(one, two, above, nodes):
    """What nvidia-smi topo -m would call this pair, by the functions above each"""
    if one == two:
        return "X"
    common = [x for x, y in zip(above[one], above[two]) if x == y]
    if common:
        # a switch is two bridges, of which one is on each way: its ports below, and the common one
        below = max(len(above[end]) - len(common) for end in (one, two))
        return "PIX" if below <= 2 else "PXB"
    hosts = {above[end][0].rsplit(":", 1)[0] for end in (one, two)}
    if len(hosts) == 1:
        return "PHB"
    return "NODE" if nodes[one] == nodes[two] else "SYS"


def trees(tap, run_command, program, machines, directory):
    """The bridges above each function, as "lspci -PP" finds them by bus numbers"""
    lister, seen, labels = shutil.which("lspci"), 0, 0
    for name, snapshot, _ in machines if lister else []:
        said = {}
        for way in re.findall(r"^(\S+) ", lspci(lister, directory / f"{name}.lspci", "-PP", "-n"), re.M):
            first, *rest = way.split("/")
            whole = [first] + [f"{first.rsplit(':', 2)[0]}:{r}" for r in rest]
            said[whole[-1]] = whole
        wrong = []
        for address, whole in branches(json.loads(run_command(program, "--from", str(snapshot), "--json", "topo", "--tree")[1])["roots"]):
            seen += address in said
            # a function whose captured files contradict each other, that is read without root, or below a port that is dead
            if address in said and name not in ("broken", "workstation", "dead") and whole != said[address]:
                wrong.append(f"{address}: {'/'.join(whole)}; lspci: {'/'.join(said[address])}")
        tap.result(not wrong, f"{name}: the tree is that of lspci -t", "\n".join(wrong))
        topo = json.loads(run_command(program, "--from", str(snapshot), "--json", "topo")[1])
        nodes = {a: f["numa_node"] for a, f in functions(topo).items()}
        wrong = []
        for pair in topo["pairs"]:
            ends = pair["provider"], pair["client"]
            if name in ("broken", "workstation") or not all(e in said for e in ends):
                continue
            labels += 1
            want = label(*ends, said, nodes)
            if pair["label"] != want:
                wrong.append(f"{pair['client']} to {pair['provider']}: {pair['label']}; by lspci -t: {want}")
        tap.result(not wrong, f"{name}: labels of topo are those of the places that lspci -t has", "\n".join(wrong))
    tap.result(labels > 100 or not lister, f"{labels} labels have been compared")
    tap.result(seen > 100 or not lister, f"{seen} places in trees have been compared")


def titles(svg, kind):
    root = ElementTree.fromstring(svg)
    return Counter(g.find(f"{SVG}title").text for g in root.iter(f"{SVG}g") if g.get("class") == kind)


def pictures(tap, run_command, program, machines):
    """Graphviz's releases draw differently: what is compared are nodes, edges and labels."""
    for name, snapshot, _ in machines:
        dot = run_command(program, "--from", str(snapshot), "topo", "--dot")[1]
        status, svg, err = run_command(program, "--from", str(snapshot), "topo", "--svg")
        edges = Counter(f"{a}--{b}" for a, b in re.findall(r'^\t"([^"]+)" -- "([^"]+)"', dot, re.M))
        nodes = Counter(re.findall(r'^\t"([^"]+)" \[', dot, re.M))
        texts = Counter(t.strip() for label in re.findall(r'label="((?:[^"\\]|\\.)*)"', dot) for t in label.split("\\n"))
        good = status == 0 and not err and svg.startswith("<?xml")
        if good:
            drawn = Counter(t.text.strip() for t in ElementTree.fromstring(svg).iter(f"{SVG}text"))
            good = (titles(svg, "node"), titles(svg, "edge"), drawn) == (nodes, edges, texts)
        tap.result(good and nodes, f"{name}: the picture has {sum(nodes.values())} nodes and {sum(edges.values())} edges of --dot",
                   f"{status} {err}\n{nodes}\n{edges}\n{svg[:2000]}")


def run(tap, run_command, program, machines, directory):
    names(tap, run_command, program, machines, directory)
    trees(tap, run_command, program, machines, directory)
    pictures(tap, run_command, program, machines)
