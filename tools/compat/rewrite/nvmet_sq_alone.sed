# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem-bench-kunit.c
#
# A submission queue has a reference to its completion queue
s/^\tif (nvmet_sq_init(sq))$/\tnvmet_cq_init(cq);\n\tif (nvmet_sq_init(sq, cq))/
s/nvmet_req_init(&r->req, &b->cq, &b->sq, /nvmet_req_init(\&r->req, \&b->sq, /
