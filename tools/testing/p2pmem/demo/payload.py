#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
payload.py DIR: choose real files of this machine, as an ext4 image and a list of SHA-256.

  DIR/payload.img      the files below their own paths, for a read-only disk of the guest
  DIR/payload.json     numbers of files and bytes
  DIR/payload.sha256   hashes in the format of sha256sum, computed from the copied data

At least 64 MiB: some files of every directory, then only larger ones. The choice is always the same
on one machine, and the script does nothing if its files exist already.
SMALL=1 in the environment: a sixteenth of that.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

PLACES = ["/usr/share", "/usr/lib", "/usr/include", "/usr/bin"]
SHARE = 16 if os.environ.get("SMALL") else 1
LEAST = (64 << 20) // SHARE	# bytes
ENOUGH = LEAST + (2 << 20)
FILES = 900 // SHARE			# of any size; then only large ones, because guests are slow
LARGE, LARGEST = 64 << 10, 4 << 20
PLAIN = re.compile(r"[A-Za-z0-9/._+:@=,~-]+")	# names that never need quotes


def candidates(place, per_directory):
    """Yield path and stat of readable regular files, a limited number from each directory."""
    for folder, folders, names in os.walk(place):
        folders.sort()
        taken = 0
        for name in sorted(names):
            path = os.path.join(folder, name)
            if taken == per_directory or not PLAIN.fullmatch(path):
                continue
            try:
                st = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(st.st_mode) and 0 < st.st_size <= LARGEST and os.access(path, os.R_OK):
                taken += 1
                yield path, st


def choose(per_directory, share):
    """Select files with a limited share from each place, so that there are texts and programs."""
    chosen, total = [], 0
    for place in PLACES:
        limit = min(ENOUGH, total + ENOUGH // share)
        for path, st in candidates(place, per_directory):
            if total >= limit:
                break
            if len(chosen) < FILES or st.st_size >= LARGE:
                chosen.append((path, st.st_size, st.st_mtime_ns))
                total += st.st_size
    return chosen, total


def stage(chosen, folder):
    """Copy files, hash the copied data, and return the lines of the list."""
    lines = []
    for path, size, _ in chosen:
        data = Path(path).read_bytes()
        if len(data) != size:
            sys.exit(f"payload: {path} changes while it is read: run it again")
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {path.lstrip('/')}\n")
    return lines


def main():
    out = Path(sys.argv[1])
    image, sums, key_file = out / "payload.img", out / "payload.sha256", out / "payload.key"
    for per_directory, share in ((6, 2), (60, 2), (10000, 1)):		# search more on a small machine
        chosen, total = choose(per_directory, share)
        if total >= ENOUGH:
            break
    if total < LEAST:
        sys.exit(f"payload: {', '.join(PLACES)} have {total} usable bytes, but {LEAST} are needed: "
                 "install more packages")
    key = hashlib.sha256((repr(chosen) + Path(__file__).read_text()).encode()).hexdigest()
    if not (image.exists() and sums.exists() and key_file.exists() and key_file.read_text() == key):
        folder = out / "payload.new"
        shutil.rmtree(folder, ignore_errors=True)
        key_file.unlink(missing_ok=True)
        sums.write_text("".join(stage(chosen, folder)))
        with open(image, "wb") as file:
            file.truncate(total + (32 << 20) >> 20 << 20)
        made = subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", str(folder),
                               str(image)],
                              env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}, check=False)
        if made.returncode:
            sys.exit(f"payload: mke2fs failed to create {image} (see above); check the free space of {out}")
        shutil.rmtree(folder)
        (out / "payload.json").write_text(json.dumps({"files": len(chosen), "bytes": total}) + "\n")
        key_file.write_text(key)
    print(f"demo: {len(chosen)} real files, {total:,} bytes, from "
          + ", ".join(p for p in PLACES if any(c[0].startswith(p + "/") for c in chosen)))


if __name__ == "__main__":
    main()
