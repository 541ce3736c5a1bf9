# SPDX-License-Identifier: GPL-2.0-only
"""
The directive kernel-doc, by the kernel's script: $KERNEL_DOC, and sources below $SOURCES.

A kernel tree has a directive of that name, which knows more options than the pages here use.
"""

import os
import subprocess

import sphinx
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.util.docutils import switch_source_input


class KernelDoc(Directive):
    required_arguments = 1
    option_spec = {
        "export": directives.flag,
        "identifiers": directives.unchanged_required,
        "doc": directives.unchanged_required,
    }

    def run(self):
        file = os.path.join(os.environ["SOURCES"], self.arguments[0])
        call = ["perl", os.environ["KERNEL_DOC"], "-rst", "-sphinx-version", sphinx.__version__]
        if "export" in self.options:
            call.append("-export")
        names = [self.options["doc"]] if "doc" in self.options else self.options.get("identifiers", "").split()
        for name in names:
            call += ["-function", name]
        done = subprocess.run([*call, file], capture_output=True, text=True, check=False)
        complaint = done.stderr.strip()
        if done.returncode or complaint or not done.stdout.strip():
            raise self.error(f"kernel-doc of {self.arguments[0]}: {complaint or 'nothing found'}")
        lines = StringList()
        for number, line in enumerate(done.stdout.expandtabs().splitlines()):
            if not line.startswith(".. LINENO "):
                lines.append(line, file, number)
        node = nodes.section()
        with switch_source_input(self.state, lines):
            self.state.nested_parse(lines, 0, node, match_titles=1)
        return node.children


def setup(app):
    app.add_directive("kernel-doc", KernelDoc)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
