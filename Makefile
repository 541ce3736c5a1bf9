# SPDX-License-Identifier: GPL-2.0-only
#
# Every command of the project; "make help" lists them. This file only calls scripts: what a
# module consists of stands in Kbuild and in the Makefiles below drivers/.

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
export BUILD SHARED_BUILD KERNEL RELEASE KDIR KSRC KIMAGE

.PHONY: help deps modules vm demo check check-full kunit mutants graft patches ungraft clean kunit-fast fuzz lint picture
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#help \{0,1\}//p' $(firstword $(MAKEFILE_LIST))
	@echo; echo "Names for KERNEL, and what the archive has for each now"
	@$(RIG)/kernel.sh $(BUILD) --list

#help Targets
#help   deps       install what is missing from Debian's archive, find the kernel, unpack its source
#help   modules    build the modules for that kernel, checked, into $(BUILD)/stock/<release>/modules
#help   vm         boot a topology and run a script in the guest (variables below)
#help   demo       NVMe over Fabrics with its payload in peer memory, proved by addresses
#help   check      the tests, 40 minutes at most; ends in "N passed, N failed"
#help   check-full the same and all that takes longer: every guest on the debug kernel, data races,
#help              mutants, coverage, combinations of options
#help   kunit      suites on PCI hierarchies in memory, on the debug kernel, and their coverage
#help   mutants    one-line faults, each of which some test must notice; ends in "killed/total"
#help   kunit-fast the suites of what needs no device, under UML, in seconds once it is built
#help   fuzz       topology.c in user space under libFuzzer, SECONDS=60 long
#help   picture    make Documentation/PCI/p2pmem/paths.svg of paths.dot
#help   lint       the form of everything: the kernel's own checkers and our invariants; ends in "N findings"
#help   graft      put it into a kernel source tree, KSRC=dir (none: the package's, unpacked below $(BUILD))
#help   patches    the same as a series for review, into $(BUILD)/patches or OUT=dir; KSRC=git work tree
#help   ungraft    take it out of there again, every byte
#help   clean      remove $(BUILD)
#help
#help Variables of every target
#help   BUILD=dir          where everything generated goes (build)
#help   KERNEL=name        another kernel of the archive (modules, vm, demo, check), see the end of this
#help   RELEASE=newest     another release than was found before: "newest", "running", or as uname -r has it
#help   KDIR= KSRC=        another kernel: its headers with Module.symvers, and its source
#help   KIMAGE=            and, to boot it, the directory with boot/vmlinuz-* and lib/modules/*
#help
#help Variables of vm (tools/testing/p2pmem/rig/README.rst tells more)
#help   TOPO=file          topology: QEMU arguments; $(RIG)/topologies has some
#help   RUN=file           script that the guest runs
#help   NAME=x             results go to $(BUILD)/vm/x (topology-script)
#help   TRACE=1            QEMU's trace of the addresses of adapter and drives, in trace.log
#help   TRACE_EVENTS="a b" further events of QEMU
#help   STOCK="nvme ..."   modules of which the guest gets the distribution's, not ours
#help   EXTRA_FILES="..."  files and directories to find in /extra
#help   DISK0=file ...     disk images to use as they are, instead of fresh ones
#help   DISK_SIZE=256M     size of fresh ones
#help   TIMEOUT=300        seconds until the run has failed
#help   UNTIL=regex        end, as a failure, when the guest says a line with this
#help   SMP=2 MEM=2G       size of the guest, unless the topology says
#help   APPEND="..."       more kernel parameters; the last of a kind wins
#help   ICOUNT=1           virtual time by executed instructions

deps:
	@$(RIG)/deps.sh
	@$(RIG)/kernel.sh $(BUILD)

modules: deps
	@$(RIG)/modules.sh $(BUILD)

# the run's variables reach vm.py by the environment
vm: modules
	@python3 $(RIG)/vm.py

demo: modules
	@tools/testing/p2pmem/demo/demo.sh

# kernels that the tests need are built by these scripts
check: modules
	@tools/testing/p2pmem/run-tests.sh

check-full: modules
	@tools/testing/p2pmem/check-full.sh

kunit: deps
	@tools/testing/p2pmem/kunit/run.sh

mutants: deps
	@tools/testing/p2pmem/kernels/build.sh $(BUILD) debug
	@tools/testing/p2pmem/mutants/run.py

kunit-fast: deps
	@tools/testing/p2pmem/kunit/fast.sh $(BUILD)

fuzz: deps
	@tools/testing/p2pmem/tests/fuzz/run.sh $(BUILD)/tests/fuzz $(SECONDS)

lint: modules
	@tools/testing/p2pmem/lint/lint.py

picture: deps
	@tools/testing/p2pmem/tests/docs/picture.sh make

# without KSRC: the tree that graft unpacked
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
