# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-priv.h
#
# ns->enabled is still set after the paths of a namespace have gone
s/^\treturn READ_ONCE(ns->enabled);$/\treturn xa_get_mark(\&ns->subsys->namespaces, ns->nsid, NVMET_NS_ENABLED);/
