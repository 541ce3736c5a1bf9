# SPDX-License-Identifier: GPL-2.0-only
#
# For series.sh: the objects that a Makefile of the kernel makes with our options on
#
#   make -s -f objects.mk dir=DIR options="CONFIG_A=y ..."
#
# Prints one a line, without those that are made of others and those of other options.

$(foreach o,$(options),$(eval $(o)))
src := $(dir)
obj := $(dir)
include $(dir)/Makefile

parts := $(filter-out obj-y,$(filter %-y,$(.VARIABLES)))
made := $(patsubst %-y,%.o,$(parts)) $(patsubst %-objs,%.o,$(filter %-objs,$(.VARIABLES)))
list := $(filter-out $(made),$(filter %.o,$(foreach v,obj-y $(parts),$($v))))

.PHONY: print
.DEFAULT_GOAL := print
print:
	@printf '%s\n' $(sort $(list))
