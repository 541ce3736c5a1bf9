# SPDX-License-Identifier: GPL-2.0-only
"""
"p2pmem nvmet set", "save" and "restore" in a made-up configfs, whose values the kernel refuses (refuse.c).
"""

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from terminal import status_of

HERE = Path(__file__).resolve().parent
NVMET = "sys/kernel/config/nvmet"


def default_signals():
    """A shell ignores some for what it runs in the background, and so does its child."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def default_signals_full_pipe():
    default_signals()
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(2, True)


class Configfs:
    """A made-up /sys with a namespace of the target and a provider, and what a command makes of it"""
    card = "0000:03:00.0"

    def __init__(self, env, program, shim, root, nqn="nqn.a"):
        self.env, self.program, self.shim, self.root, self.nqn = env, program, shim, root, nqn
        self.ns = root / NVMET / "subsystems" / nqn / "namespaces/1"
        self.writes = root / "writes"

    def make(self, published="1", drop=(), port=None, **files):
        """@port exports the subsystem. drop: attributes that this kernel lacks"""
        subprocess.run(["rm", "-rf", str(self.root)], check=True)
        (self.ns / "p2pmem_stats").mkdir(parents=True)
        (self.root / "sys/bus/pci/devices" / self.card / "p2pmem").mkdir(parents=True)
        (self.root / "run").mkdir()
        self.publish(published)
        for file, value in {"device_path": "/dev/x", "enable": "1", "p2pmem": "0", "p2pmem_verify": "auto",
                            "p2pmem_prefer": "nearest", "p2pmem_stats/provider": "", **files}.items():
            if file not in drop:
                (self.ns / file).write_text(value + "\n" if value else "")
        (self.root / NVMET / "ports/1/subsystems").mkdir(parents=True)
        if port:
            link = self.root / NVMET / f"ports/{port}/subsystems" / self.nqn
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("../../../../nvmet/subsystems/nqn.a")

    def publish(self, value):
        (self.root / "sys/bus/pci/devices" / self.card / "p2pmem/published").write_text(value + "\n")

    def start(self, *arguments, keep=False, **env):
        """$FULL: standard error is a pipe that is full"""
        if not keep:
            self.writes.unlink(missing_ok=True)
        return subprocess.Popen(["unshare", "-m", "sh", "-c",
                                 "mount --bind \"$0/sys\" /sys && mount --bind \"$0/run\" /run && export LD_PRELOAD=\"$1\" && shift && exec \"$@\"",
                                 str(self.root), str(self.shim), str(self.program), *arguments], stdin=subprocess.PIPE,
                                env={**self.env, "WRITES": str(self.writes), **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
                                preexec_fn=default_signals_full_pipe if "FULL" in env else default_signals)

    def run(self, *arguments, text="", **env):
        p = self.start(*arguments, **env)
        out, err = p.communicate(text, timeout=60)
        return subprocess.CompletedProcess(arguments, p.returncode, out, err)

    def restore(self, *options, saved=None, **env):
        saved = saved or {"p2pmem": self.card, "verify": "warn"}
        text = json.dumps({"version": 1, "namespaces": [{"subsystem": "nqn.a", "nsid": "1", **saved}]})
        return self.run("nvmet", "restore", *options, "-", text=text, **env)

    def have(self, files):
        return {f: (self.ns / f).read_text().strip() for f in files}

    def written(self):
        return self.writes.read_text().splitlines() if self.writes.exists() else []


def restore(tap, made):
    """What the kernel takes, and what it refuses"""
    card = made.card
    ok = {"p2pmem": card, "p2pmem_verify": "warn", "enable": "1"}
    for name, before, more, want, status, says in (
            ("a provider that is taken", {}, {}, ok, 0, ""),
            ("one that is set already", ok, {}, ok, 0, ""),
            ("a namespace that is disabled", {"enable": "0"}, {}, {**ok, "enable": "0"}, 0, ""),
            ("a provider that is refused", {}, {"REFUSE": card}, {**ok, "p2pmem": "0"}, 1, "uses system memory: its provider"),
            ("the same where another was", {"p2pmem": "1"}, {"REFUSE": card}, {**ok, "p2pmem": "0"}, 1, "uses system memory"),
            ("a provider that is refused when it is enabled", {}, {"REFUSE_ENABLE": "1"}, {**ok, "p2pmem": "0"}, 1, "uses system memory"),
            ("a disk that cannot be enabled", {}, {"REFUSE_ENABLE": "9"}, {**ok, "p2pmem": "0", "enable": "0"}, 1, "is disabled"),
            ("another attribute that is refused", {}, {"REFUSE": "most-free"}, ok, 1, "p2pmem_prefer cannot be set"),
            ("a proof that is refused", {}, {"REFUSE": "require"}, {**ok, "p2pmem": "0", "p2pmem_verify": "auto"}, 1, "without p2pmem_verify=require"),
            ("a proof that is refused, and peer memory is used", {"p2pmem": card}, {"REFUSE": "require"},
             {**ok, "p2pmem": "0", "p2pmem_verify": "auto"}, 1, "without p2pmem_verify=require"),
            ("a proof that this kernel does not know", {"drop": ["p2pmem_verify"]}, {}, {"p2pmem": "0", "enable": "1"}, 1, "p2pmem_verify=require was saved"),
            ("a proof that it does not know, and peer memory is used", {"drop": ["p2pmem_verify"], "p2pmem": card}, {}, {"p2pmem": "0", "enable": "1"}, 1,
             "p2pmem_verify=require was saved"),
            ("a warning that is refused", {}, {"REFUSE": "warn"}, {**ok, "p2pmem_verify": "auto"}, 1, "p2pmem_verify cannot be set to warn"),
            ("a warning that this kernel does not know", {"drop": ["p2pmem_verify"]}, {}, {"p2pmem": card, "enable": "1"}, 1,
             "p2pmem_verify=warn was saved"),
            ("a preference that this kernel does not know", {"drop": ["p2pmem_prefer"]}, {}, ok, 1, "p2pmem_prefer=most-free was saved")):
        made.make(**before)
        saved = {"p2pmem": card, "verify": "require" if "proof" in name else "warn", **({"prefer": "most-free"} if "prefer" in says else {})}
        done = made.restore(saved=saved, **more)
        have = made.have(want)
        tap.result(done.returncode == status and have == want and says in done.stderr and done.stderr.count("\n") == bool(says),
                   f"nvmet restore: {name}", f"{done.returncode} {have} {done.stderr}")
    made.make(published="0", port="2")
    begin = time.monotonic()
    done = made.restore("--wait", "20")
    took = time.monotonic() - begin
    tap.result(done.returncode == 1 and took < 15 and done.stderr.count("\n") == 1 and "port 2 exports it" in done.stderr and
               not made.written(), "nvmet restore: no wait for the provider of a namespace that it may not change",
               f"{took:.1f} s {done}")
    for name, options, later, least, most in (
            ("a provider that comes is waited for", (), 1.5, 1.2, 25), ("no longer than --wait", ("--wait", "1"), None, 0.8, 25),
            ("--wait 0: not at all", ("--wait", "0"), None, 0, 10)):
        made.make(published="0")
        timer = threading.Timer(later or 0, made.publish, ["1"])
        if later:
            timer.start()
        begin = time.monotonic()
        done = made.restore(*options)
        took = time.monotonic() - begin
        timer.cancel()
        tap.result(not done.returncode and made.have(ok) == ok and least <= took < most, f"nvmet restore: {name}",
                   f"{done.returncode} {took:.1f} s {done.stderr}")


def guard(tap, made):
    """A namespace that hosts may be using is disabled with --force only, and never without need."""
    use = {"p2pmem": "1", "p2pmem_stats/provider": "7 0000:03:00.0 ok proved"}
    for name, before, force, touched, says in (
            ("that a port exports", {"port": "2"}, False, False, "port 2 exports it"),
            ("that a port exports, --force", {"port": "2"}, True, True, ""),
            ("that a port exports, disabled", {"port": "2", "enable": "0"}, False, True, ""),
            ("that no port exports", {}, False, True, ""),
            ("that a controller uses", use, False, False, "controller 7 uses it"),
            ("that a controller uses, --force", use, True, True, ""),
            ("that is as it should be already", {**use, "port": "2", "p2pmem": made.card, "p2pmem_verify": "warn"}, False, False, None)):
        for action in ("set", "restore"):
            made.make(**before)
            options = ["--force"] if force else []
            done = made.restore(*options) if action == "restore" else made.run("nvmet", "set", *options, "nqn.a", "1", made.card)
            want = before.get("enable", "1")
            good = done.returncode == bool(says) and bool(made.written()) == touched and made.have(["enable"])["enable"] == want
            good = good and (made.have(["p2pmem"])["p2pmem"] == made.card) == (touched or says is None)
            good = good and ("p2pmem-nvmet.service" in done.stderr) == (bool(says) and action == "restore")
            tap.result(good and (not says or (says in done.stderr and "nqn.a" in done.stderr and "--force" in done.stderr)),
                       f"nvmet {action}: a namespace {name}", f"{done.returncode} {made.written()} {done.stderr}")


def signals(tap, made):
    """A signal while the namespace is disabled ends the command once it is enabled again."""
    text = json.dumps({"version": 1, "namespaces": [{"subsystem": "nqn.a", "nsid": "1", "p2pmem": "1", "verify": "warn"}]})
    for number, arguments in ((signal.SIGINT, ["set", "nqn.a", "1", "auto"]), (signal.SIGHUP, ["set", "nqn.a", "1", "auto"]),
                              (signal.SIGTERM, ["restore", "-"]), (signal.SIGQUIT, ["restore", "-"])):
        made.make()
        p = made.start("nvmet", *arguments, SLOW_DISABLE="1")
        p.stdin.write(text)
        p.stdin.close()
        end = time.monotonic() + 10
        while "enable 0" not in made.written() and time.monotonic() < end:
            time.sleep(0.02)
        p.send_signal(number)
        _, err = p.stdout.read(), p.stderr.read()
        have = made.have(["enable", "p2pmem"])
        tap.result(p.wait(20) == -number and have == {"enable": "1", "p2pmem": "1"},
                   f"nvmet {arguments[0]}: {number.name} ends it when the namespace is enabled again", f"{p.returncode} {have} {err}")


def stalled(tap, made):
    """A message that nobody reads holds neither the lock nor a signal."""
    text = json.dumps({"version": 1, "namespaces": [{"subsystem": "nqn.a", "nsid": "1", "p2pmem": made.card}]})
    for arguments, before, more in ((["set", "nqn.a", "1", made.card], {}, {"REFUSE": made.card}), (["restore", "-"], {}, {"REFUSE": made.card}),
                                    (["set", "nqn.a", "1", "auto"], {"port": "2"}, {})):
        made.make(**before)
        p = made.start("nvmet", *arguments, FULL="1", **more)
        p.stdin.write(text)
        p.stdin.close()
        lock = made.root / "run/p2pmem.lock"
        end = time.monotonic() + 10
        while time.monotonic() < end and not (lock.exists() and (before or made.written()[-1:] == ["enable 1"])):
            time.sleep(0.02)
        time.sleep(0.5)
        fd, held = os.open(lock, os.O_RDWR), False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = True
        os.close(fd)
        waits = p.poll() is None
        p.send_signal(signal.SIGTERM)
        status = status_of(p)
        have = made.have(["enable"])["enable"]
        p.stdout.close()
        p.stderr.close()
        tap.result(waits and not held and status == -signal.SIGTERM and have == "1",
                   f"nvmet {arguments[0]}{', exported' if before else ''}: a message that nobody reads does not keep others waiting",
                   f"{waits} {held} {status} {have}")


def changes(tap, made):
    """What somebody else changes while "restore" waits for a provider stays, and one command at a time changes a namespace."""
    for name, later, want, status in (
            ("disables the namespace", {"enable": "0"}, {"enable": "0", "p2pmem": made.card}, 0),
            ("sets the same", {"p2pmem": made.card, "p2pmem_verify": "warn"}, {"enable": "1", "p2pmem": made.card}, 0)):
        made.make(published="0")
        timer = threading.Timer(0.7, lambda files=later: [(made.ns / f).write_text(v + "\n") for f, v in files.items()])
        timer.start()
        done = made.restore("--wait", "1.5")
        have = made.have(want)
        # nothing is written that somebody else has written already
        touched = made.written() if "p2pmem" in later else []
        tap.result(done.returncode == status and have == want and not touched, f"nvmet restore: somebody {name} meanwhile",
                   f"{done.returncode} {have} {touched} {done.stderr}")
    made.make()
    first = made.start("nvmet", "set", "nqn.a", "1", "auto", SLOW_DISABLE="1")
    end = time.monotonic() + 10
    while "enable 0" not in made.written() and time.monotonic() < end:
        time.sleep(0.02)
    second = made.start("nvmet", "set", "nqn.a", "1", made.card, keep=True)
    err = first.communicate(timeout=20)[1] + second.communicate(timeout=20)[1]
    have, log = made.have(["enable", "p2pmem"]), made.written()
    tap.result(not first.returncode and not second.returncode and have == {"enable": "1", "p2pmem": made.card} and
               log == ["enable 0", "p2pmem 1", "enable 1", "enable 0", f"p2pmem {made.card}", "enable 1"],
               "nvmet set waits for another one", f"{have} {log} {err}")


def locks(tap, made):
    """Root alone can make others wait, and not those that change nothing; the wait is one for all namespaces."""
    made.make()
    lock = made.root / "run/p2pmem.lock"
    fd = os.open(made.ns, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    begin = time.monotonic()
    done = made.run("nvmet", "set", "nqn.a", "1", "auto")
    took = time.monotonic() - begin
    os.close(fd)
    tap.result(not done.returncode and made.have(["p2pmem"])["p2pmem"] == "1" and took < 20 and lock.stat().st_mode & 0o777 == 0o600,
               "nvmet set: who can read configfs cannot lock it", f"{done} {took:.1f} s {oct(lock.stat().st_mode)}")
    made.make()
    lock.symlink_to(made.root / "elsewhere")
    done = made.run("nvmet", "set", "nqn.a", "1", "auto")
    tap.result(done.returncode == 1 and "p2pmem.lock" in done.stderr and not made.written() and not (made.root / "elsewhere").exists(),
               "nvmet set: a lock that is a link is not followed", f"{done}")
    made.make()
    for nsid in ("2", "3"):
        subprocess.run(["cp", "-a", str(made.ns), str(made.ns.parent / nsid)], check=True)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    p = made.start("nvmet", "set", "nqn.a", "1", "auto")
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=10)[1]
    tap.result(p.returncode == -signal.SIGINT and not made.written(), "and a signal ends the wait", f"{p.returncode} {made.written()} {err}")
    begin = time.monotonic()
    done = made.run("nvmet", "set", "nqn.a", "1", "off")
    took = time.monotonic() - begin
    tap.result(not done.returncode and not made.written() and took < 20, "nvmet set: what is so already needs no lock", f"{took:.1f} s {done}")
    saved = {"version": 1, "namespaces": [{"subsystem": "nqn.a", "nsid": n, "p2pmem": "1"} for n in "123"]}
    begin = time.monotonic()
    done = made.run("nvmet", "restore", "-", text=json.dumps(saved))
    took = time.monotonic() - begin
    os.close(fd)
    tap.result(done.returncode == 1 and done.stderr.count("another p2pmem holds") == 3 and 25 < took < 50 and not made.written(),
               "nvmet restore: three namespaces wait for a lock no longer than one", f"{took:.1f} s {done}")


def names(tap, made):
    """NQNs are UTF-8, says the specification; configfs takes any bytes."""
    for name, nqn in (("in UTF-8", "nqn.2026-01.org.ex\u00e4mple\u2013disk"), ("that a terminal would obey", "nqn.\033[2J\u202e"),
                      ("that is not UTF-8", "nqn.\udcff")):
        here = Configfs(made.env, made.program, made.shim, made.root, nqn)
        here.make()
        target = here.root / "saved.json"
        target.write_text("good")
        first = here.run("nvmet", "set", nqn, "1", "auto")
        have = here.have(["enable", "p2pmem"])
        tap.result(not first.returncode and have == {"enable": "1", "p2pmem": "1"}, f"nvmet set: a subsystem with a name {name}",
                   f"{have} {first.stderr!a}")
        said = here.run("nvmet"), here.run("--json", "nvmet")
        tap.result(all("\033" not in x.stdout and "\u202e" not in x.stdout and "\udcff" not in x.stdout for x in said) and
                   json.loads(said[1].stdout)["namespaces"][0]["subsystem"][:4] == "nqn.", f"nvmet shows a name {name}", f"{said!a}")
        done = here.run("nvmet", "save", str(target))
        if "not" in name:
            tap.result(done.returncode == 1 and target.read_text() == "good" and "not UTF-8" in done.stderr and "\udcff" not in done.stderr,
                       f"nvmet save: a name {name}", f"{done!a}")
            continue
        saved = json.loads(target.read_text(encoding="utf-8"))
        here.run("nvmet", "set", nqn, "1", "off")
        again = here.run("nvmet", "restore", str(target))
        have = here.have(["enable", "p2pmem"])
        tap.result(saved["namespaces"][0]["subsystem"] == nqn and not again.returncode and have == {"enable": "1", "p2pmem": "1"},
                   f"nvmet save and restore: a name {name}", f"{saved!a} {have} {again!a}")


TWO = """p2pmem snapshot 1
L sys/bus/pci/devices/0000:00:00.0
 ../../../devices/pci0000:00/0000:00:00.0
F sys/devices/pci0000:00/0000:00:00.0/class
 0x060000
"""


def saves(tap, env, program, directory):
    """A file that is good is not replaced by one that lacks what could not be read."""
    ns, target, snapshot = f"{NVMET}/subsystems/nqn.a/namespaces", directory / "kept.json", directory / "kept.snapshot"
    for name, more, says in (
            ("where nvmet is not loaded", "", "modprobe nvmet"),
            ("where configfs cannot be read", f"E {NVMET}/subsystems\n 13\n", "Permission denied"),
            ("where a namespace cannot be read", f"F {ns}/1/p2pmem\n 0\nE {ns}/2\n 13\n", "namespaces/2 cannot be read"),
            ("where an attribute cannot be read", f"F {ns}/1/p2pmem\n 0\nE {ns}/1/p2pmem_verify\n 5\n", "Input/output error"),
            ("where nvmet is the distribution's", f"F {ns}/1/enable\n 1\n", "the loaded nvmet is not p2pmem's"),
            ("of one namespace", f"F {ns}/1/p2pmem\n 1\n", None),
            ("of a target without subsystems", f"D {NVMET}/subsystems\n", None)):
        snapshot.write_text(TWO + more)
        target.write_text("good")
        done = subprocess.run([program, "--from", snapshot, "nvmet", "save", target], env=env, capture_output=True, text=True, check=False)
        kept = target.read_text()
        if says:
            good = done.returncode == 1 and kept == "good" and says in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
        else:
            nr = len(json.loads(kept)["namespaces"]) if kept != "good" else -1
            good = not done.returncode and done.stdout == f"{nr} namespaces saved in {target}\n" and nr == ("one" in name)
        tap.result(good, f"nvmet save {name}", f"{done.returncode} {kept} {done.stdout} {done.stderr}")


def targets(tap, env, program, directory):
    """Names of files that are long, or no UTF-8"""
    snapshot = directory / "kept.snapshot"
    snapshot.write_text(TWO + f"F {NVMET}/subsystems/nqn.a/namespaces/1/p2pmem\n 1\n")

    def command(*arguments):
        return subprocess.run([program, "--from", snapshot, *arguments], env=env, capture_output=True, encoding="utf-8",
                              errors="surrogateescape", check=False)

    top = directory / "long"
    subprocess.run(["rm", "-rf", str(top)], check=True)
    for length in (1019, 1020, 1021, 1022, 1023, 1024, 2000):
        folder = str(top)
        while length - len(folder) > 210:
            folder += "/" + "d" * 200
        target = Path(f"{folder}/{'f' * (length - len(folder) - 1)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("good")
        done = command("nvmet", "save", target)
        kept = target.read_text() if target.exists() else "nothing"
        tap.result(len(str(target)) == length and not done.returncode and '"nqn.a"' in kept, f"nvmet save to a path of {length} bytes",
                   f"{kept} {done.stderr[-80:]}")
    target = top / ("f" * 253)
    target.write_text("good")
    done = command("nvmet", "save", target)
    tap.result(done.returncode == 1 and target.read_text() == "good" and "File name too long" in done.stderr,
               "nvmet save to a name that has no room for .new leaves the file", done.stderr)
    (top / "full.json.new").mkdir()
    done = command("nvmet", "save", top / "full.json")
    tap.result(done.returncode == 1 and (top / "full.json.new").is_dir() and "Is a directory" in done.stderr,
               "nvmet save where .new is a directory", done.stderr)
    for arguments in (["snapshot"], ["nvmet", "save"]):
        done = command("--json", *arguments, top / "a\udcff\u00e4\033.txt")
        good = not done.returncode and done.stdout.isprintable() is False and "\udcff" not in done.stdout and "\033" not in done.stdout
        tap.result(good and json.loads(done.stdout)["file"].endswith("/a?\u00e4\033.txt"), f"--json {arguments[0]}: a file whose name is not UTF-8",
                   f"{done!a}")
    subprocess.run(["rm", "-rf", str(top)], check=True)


def malformed(tap, made):
    """What is no saved file is said to be none, and why"""
    made.make()
    for name, text, says in (("empty", "", "it is empty, or no JSON"), ("half", '{ "version": 1, "namesp', "it is empty, or no JSON"),
                             ("a list", "[]", "version 1 and namespaces are missing"), ("another version", '{"version": 2, "namespaces": []}', "version 1"),
                             ("a directory", None, "Is a directory"), ("missing", False, "No such file or directory")):
        path = made.root / "saved"
        if text is None:
            path.mkdir()
        elif text is not False:
            path.write_text(text)
        done = made.run("nvmet", "restore", str(path))
        tap.result(done.returncode == 1 and says in done.stderr and done.stderr.count("\n") == 1, f"nvmet restore of a file that is {name}",
                   done.stderr)
        if text is None:
            path.rmdir()
        elif text is not False:
            path.unlink()


def run(tap, env, program, directory):
    saves(tap, env, program, directory)
    targets(tap, env, program, directory)
    if os.geteuid():
        print("# namespaces of the target are changed by root only")
        return
    shim = directory / "refuse.so"
    built = subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-o", str(shim), str(HERE / "refuse.c")], capture_output=True, text=True,
                           check=False)
    tap.result(not built.returncode, "refuse.c compiles", built.stderr)
    made = Configfs(env, program, shim, directory / "configfs")
    restore(tap, made)
    guard(tap, made)
    signals(tap, made)
    stalled(tap, made)
    changes(tap, made)
    locks(tap, made)
    names(tap, made)
    malformed(tap, made)
