# SPDX-License-Identifier: GPL-2.0-only
#
# All commands of the project; "make help" lists them. This file only calls scripts: Kbuild and
# the Makefiles below drivers/ define the contents of the modules.

BUILD ?= build
RIG := tools/testing/p2pmem/rig
# what kernels have in common: package lists, compilers
SHARED_BUILD := $(BUILD)
# a kernel that KERNEL names has a build directory of its own, but for the machine's own distribution's
ifneq ($(KERNEL),)
ifneq ($(shell . /etc/os-release; echo $$ID$$VERSION_ID),$(KERNEL))
override BUILD := $(BUILD)/lanes/$(KERNEL)
endif
endif
export BUILD SHARED_BUILD
# Not those that are empty: a script that sets an exported variable passes it on, to scripts for another kernel too.
$(foreach v,KERNEL RELEASE KDIR KSRC KIMAGE,$(if $($(v)),$(eval export $(v)),$(eval unexport $(v))))

.PHONY: help deps modules command deb docs vm demo check check-full kunit mutants graft patches ungraft clean kunit-fast fuzz lint picture bench bench-check
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#help \{0,1\}//p' $(firstword $(MAKEFILE_LIST))
	@echo; echo "Names for KERNEL, and what the archive has for each now"
	@$(RIG)/kernel.sh $(BUILD) --list

#help Targets
#help   deps       install missing packages from Debian's archive, find the kernel, unpack its source
#help   modules    build and check the modules for that kernel, in $(BUILD)/stock/<release>/modules
#help   command    build the command p2pmem, which runs on any kernel: $(BUILD)/command/p2pmem
#help   deb        build Debian packages of the modules and tools, in $(BUILD)/deb; installs what
#help              that needs, and neither QEMU nor anything else of the tests. SOURCES=file: the package of
#help              modules again, from an archive of sources that make deb left
#help   docs       write what documentation shows of the command, and the pictures
#help   vm         boot a topology and run a script in the guest (variables below)
#help   demo       NVMe over Fabrics with its payload in peer memory, proved by traced addresses
#help   check      run the tests, in at most 40 minutes; the last line is "N passed, N failed"
#help   check-full the same and the slow tests: all guests on the debug kernel, data races, mutants,
#help              coverage, combinations of options
#help   kunit      run the KUnit suites on the debug kernel, and measure their coverage
#help   mutants    test the tests with one-line faults; the last line is "killed/total"
#help   bench      count executed instructions, with the kernel's own P2PDMA and with ours, on two
#help              kernels that it builds; table, JSON and a plot in $(BUILD)/bench (QUICK=1: no 64 GiB)
#help   bench-check count them on this kernel; fails when a figure exceeds the recorded one by 3 %
#help   kunit-fast run the suites that need no device under UML, in seconds once it is built
#help   fuzz       run topology.c in user space under libFuzzer for SECONDS=60
#help   picture    make Documentation/PCI/p2pmem/paths.svg from paths.dot
#help   lint       run the kernel's checkers and our own; the last line is "N findings"
#help   graft      add p2pmem to the kernel source tree KSRC=dir (default: Debian's, below $(BUILD))
#help   patches    write the graft of the git work tree KSRC= as patches to $(BUILD)/patches or OUT=dir
#help   ungraft    remove p2pmem from that tree, restoring every byte
#help   clean      remove $(BUILD)
#help
#help Variables of every target
#help   BUILD=dir          directory for all generated files (build)
#help   KERNEL=name        build for another kernel of the archive (modules, vm, demo, check), see the end
#help   RELEASE=newest     select another release: "newest", "running", or one as printed by uname -r
#help   KDIR= KSRC=        another kernel: its headers with Module.symvers, and its source
#help   KIMAGE=            to boot it, the directory with its boot/vmlinuz-* and lib/modules/*
#help
#help Variables of vm (see also tools/testing/p2pmem/rig/README.rst)
#help   TOPO=file          topology: a file of QEMU arguments, see $(RIG)/topologies
#help   RUN=file           script that the guest runs
#help   NAME=x             write results to $(BUILD)/vm/x (topology-script)
#help   TRACE=1            trace the addresses that adapter and drives access, in trace.log
#help   TRACE_EVENTS="a b" trace these events of QEMU as well
#help   STOCK="nvme ..."   use the distribution's build of these modules instead of ours
#help   EXTRA_FILES="..."  files and directories to copy to /extra
#help   DISK0=file ...     use these disk images instead of new ones
#help   DISK_SIZE=256M     size of new disk images
#help   TIMEOUT=300        seconds until the run fails
#help   UNTIL=regex        fail as soon as a line of the guest's output matches
#help   SMP=2 MEM=2G       size of the guest, unless the topology sets it
#help   APPEND="..."       more kernel parameters; the last one of a name wins
#help   ICOUNT=1           derive virtual time from executed instructions

deps:
	@$(RIG)/deps.sh
	@$(RIG)/kernel.sh $(BUILD)

modules: deps
	@$(RIG)/modules.sh $(BUILD)

command:
	@$(RIG)/deps.sh libpci-dev libjson-c-dev pci.ids
	@$(MAKE) --no-print-directory -s -C tools/pci/p2pmem O=$(abspath $(BUILD))/command
	@echo "$(BUILD)/command/p2pmem"

# without "deps", which installs what the tests need
deb:
	@tools/packaging/deb.sh $(BUILD)

docs: command
	@$(RIG)/deps.sh graphviz
	@tools/testing/p2pmem/tests/docs/session.sh make $(BUILD)/command/p2pmem
	@tools/testing/p2pmem/tests/docs/picture.sh make

# vm.py reads its variables from the environment
vm: modules
	@python3 $(RIG)/vm.py

demo: modules
	@tools/testing/p2pmem/demo/demo.sh

# run-tests.sh builds the kernels that the tests need
check: modules command
	@tools/testing/p2pmem/run-tests.sh

check-full: modules command
	@tools/testing/p2pmem/check-full.sh

kunit: deps
	@tools/testing/p2pmem/kunit/run.sh

mutants: deps
	@tools/testing/p2pmem/mutants/run.py

kunit-fast: deps
	@tools/testing/p2pmem/kunit/fast.sh $(BUILD)

fuzz: deps
	@tools/testing/p2pmem/tests/fuzz/run.sh $(BUILD)/tests/fuzz $(SECONDS)

# the kernels are built from source, so the modules are not needed
bench: deps
	@tools/testing/p2pmem/bench/compare.py $(if $(QUICK),--quick)

bench-check: modules
	@tools/testing/p2pmem/bench/bench.py --check

lint: modules
	@tools/testing/p2pmem/lint/lint.py

picture: deps
	@tools/testing/p2pmem/tests/docs/picture.sh make

# without KSRC: the source of Debian's package
graft:
ifeq ($(KSRC),)
	@$(RIG)/deps.sh
	@$(RIG)/kernel.sh $(BUILD)
	@tree=$$(tools/graft/source.sh $(BUILD)) && tools/graft/intree.sh graft "$$tree"
else
	@tools/graft/intree.sh graft "$(KSRC)"
endif

patches:
	@tools/graft/series.sh "$(KSRC)" "$(if $(OUT),$(OUT),$(BUILD)/patches)"

ungraft:
ifeq ($(KSRC),)
	@. $(BUILD)/kernel/env && tools/graft/intree.sh ungraft $(BUILD)/kernel/$$KVER/linux
else
	@tools/graft/intree.sh ungraft "$(KSRC)"
endif

clean:
	rm -rf $(BUILD)
