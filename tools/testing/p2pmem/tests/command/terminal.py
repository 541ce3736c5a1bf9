# SPDX-License-Identifier: GPL-2.0-only
"""
The command p2pmem on a terminal: "stat --watch" draws at once, fits into the window, follows its size, and ends at an
interrupt. And every option with every command: those that belong together work, all others are wrong use.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


def status_of(process):
    """The status of a process that has got a signal; one that does not end by it is killed"""
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "does not end"


class Terminal:
    def __init__(self, command, env, rows, columns):
        self.parent, child = pty.openpty()
        self.child = child
        self.size(rows, columns)
        # a session of its own, whose terminal this is: the kernel signals another size, and Ctrl-C
        self.process = subprocess.Popen(command, stdout=child, stdin=child, stderr=child, env=env, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(child, termios.TIOCSCTTY, 0))

    def size(self, rows, columns):
        fcntl.ioctl(self.child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def screen(self, seconds):
        """The lines of the last screen that is drawn within some seconds, or None"""
        end, text = time.monotonic() + seconds, ""
        while time.monotonic() < end and self.parent in select.select([self.parent], [], [], 0.3 if text else seconds)[0]:
            text += os.read(self.parent, 65536).decode().replace("\r\n", "\n")
        screens = text.split("\033[H\033[J")
        return re.sub(r"\033\[\d*m", "", screens[-1]).split("\n") if len(screens) > 1 else None

    def end(self, number=None):
        if number is None:
            os.write(self.parent, b"\x03")
        else:
            self.process.send_signal(number)
        status = status_of(self.process)
        os.close(self.parent)
        os.close(self.child)
        return status


def fits(lines, rows, columns):
    return lines is not None and len(lines) <= rows and max(map(len, lines)) <= columns


def watch(tap, env, program, snapshot):
    command = [str(program), "--from", str(snapshot), "stat", "--watch", "600"]
    t = Terminal(command, {**env, "TERM": "xterm"}, 8, 40)
    lines = t.screen(10)
    tap.result(fits(lines, 8, 40) and lines[0].startswith("in use 32 MiB") and any("PROVIDER" in x for x in lines),
               "stat --watch draws at once, and only what fits", lines)
    t.size(50, 132)
    lines = t.screen(10)
    tap.result(fits(lines, 50, 132) and any(len(x) > 40 for x in lines) and any("SUBSYSTEM" in x for x in lines),
               "and draws again when the window has another size", lines)
    status = t.end()
    tap.result(status == 0, "Ctrl-C ends it", status)
    t = Terminal(command[:-1] + ["0.2", "--count", "3"], {**env, "TERM": "xterm"}, 24, 80)
    begin = time.monotonic()
    status = t.process.wait(20)
    tap.result(status == 0 and 0.5 < time.monotonic() - begin < 10, "--count ends it after so many intervals", status)
    t.end(signal.SIGTERM)
    t = Terminal([*command[:-1], "600"], {**env, "TERM": "xterm"}, 24, 80)
    t.screen(10)
    status = t.end(signal.SIGTERM)
    tap.result(status == 0, "SIGTERM ends it", status)


COMMANDS = {"list": [], "topo": [], "path": ["nvme0", "mlx5_0"], "stat": [], "check": [], "nvmet": [], "nvmet show": [],
            "nvmet save": ["-"], "nvmet set": ["nqn", "1", "auto"], "nvmet restore": ["/dev/null"], "snapshot": ["-"]}
OPTIONS = {"--json": [], "--color": ["never"], "--tree": [], "--dot": [], "--svg": [], "-q": [], "--quiet": [], "--watch": ["0.05"],
           "--count": ["1"], "--watch --count": ["1"], "--force": [], "--wait": ["1"]}
ALL = {"--json", "--color"}
FIT = {"list": ALL, "topo": ALL | {"--tree", "--dot", "--svg"}, "path": ALL | {"-q", "--quiet"},
       "stat": ALL | {"--watch", "--watch --count"}, "check": ALL, "nvmet": ALL, "nvmet show": ALL, "nvmet save": {"--color"},
       "nvmet set": set(), "nvmet restore": set(), "snapshot": {"--color"}}
# these change the machine that runs, not a captured one
CHANGE = ("nvmet set", "nvmet restore")


def options(tap, env, program, snapshot):
    for command, arguments in COMMANDS.items():
        wrong = []
        for option, values in OPTIONS.items():
            words = ["--watch", "0.05", "--count", *values] if " " in option else [option, *values]
            # it would go on for ever
            words += ["--count", "1"] if option == "--watch" and command == "stat" else []
            done = subprocess.run([str(program), *words, "--from", str(snapshot), *command.split(), *arguments], capture_output=True,
                                  text=True, env=env, timeout=30, check=False)
            fit = option in FIT[command]
            good = done.returncode in (0, 3) and not done.stderr and bool(done.stdout) != (option in ("-q", "--quiet")) if fit else \
                done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1
            if not good or "Sanitizer" in done.stderr:
                wrong.append(f"{' '.join(words)}: {'fits' if fit else 'is wrong use'}: {done.returncode} {done.stderr} {done.stdout[:200]}")
        tap.result(not wrong, f"{command}: its options work, all others are wrong use", "\n".join(wrong))
    # above, what changes a machine is wrong use because of --from; here only the option is wrong
    for words in (["--force", "nvmet", "save", "-"], ["--wait", "1", "nvmet", "set", "nqn", "1", "auto"], ["--wait", "1", "stat"]):
        done = subprocess.run([str(program), *words], capture_output=True, text=True, env=env, check=False)
        tap.result(done.returncode == 2 and not done.stdout and "do not belong to this command" in done.stderr,
                   f"{' '.join(words)}: wrong use", done.stderr)
    # on the machine that runs, --force belongs to what changes it
    for command in COMMANDS:
        if command not in CHANGE:
            done = subprocess.run([str(program), "--force", *command.split(), *COMMANDS[command]], capture_output=True, env=env, check=False)
            tap.result(done.returncode == 2 and not done.stdout, f"--force {command}: wrong use", done.stderr)
    for words in (["--json", "path", "-q", "nvme0", "mlx5_0"], ["stat", "--count", "2"], ["--json", "--tree", "topo", "--dot"]):
        done = subprocess.run([str(program), "--from", str(snapshot), *words], capture_output=True, env=env, check=False)
        tap.result(done.returncode == 2 and not done.stdout and done.stderr.count(b"\n") == 1, f"{' '.join(words)}: wrong use", done.stderr)


def locales(tap, env, program, snapshot):
    """No locale changes what is said, and all of it is ASCII, but for names of vendors"""
    for command in (["list"], ["topo"], ["topo", "--tree"], ["stat"], ["check"], ["nvmet"], ["--json", "stat"], ["--json", "topo"]):
        said = {subprocess.run([str(program), "--from", str(snapshot), *command], capture_output=True, check=False,
                               env={**env, "LC_ALL": where, "LANG": where}).stdout for where in ("C", "C.UTF-8", "de_DE.UTF-8", "tr_TR", "xx")}
        tap.result(len(said) == 1 and said.pop().isascii(), f"{' '.join(command)}: the same in every locale")


def run(tap, env, program, snapshot):
    watch(tap, env, program, snapshot)
    options(tap, env, program, snapshot)
    locales(tap, env, program, snapshot)
