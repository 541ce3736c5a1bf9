# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-bench-kunit.c
#
# They are its last member
/^\tb->port->ana_state = (void \*)(b->port + 1);$/d
