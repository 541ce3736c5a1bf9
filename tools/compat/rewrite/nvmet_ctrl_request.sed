# SPDX-License-Identifier: GPL-2.0-only
# Files: drivers/nvme/target/p2pmem.h drivers/nvme/target/p2pmem-attach.c drivers/nvme/target/p2pmem-bench-kunit.c
s/\(nvmet_p2pmem_ctrl_init(struct nvmet_ctrl \*ctrl, \)struct nvmet_req \*req/\1struct device *p2p_client/
/nvmet_p2pmem_ctrl_init(struct nvmet_ctrl \*ctrl,$/,/[;{]/s/struct nvmet_req \*req/struct device *p2p_client/
s/\<req->p2p_client\>/p2p_client/
s/^ \* @req: .*/ * @p2p_client: DMA device of the transport, or NULL/
s/^\tif (nvmet_alloc_ctrl(subsysnqn, b->hostnqn, &r->req, 0, &ctrl)) {$/\tctrl = nvmet_alloc_ctrl(\&(struct nvmet_alloc_ctrl_args){\n\t\t.port = b->port, .sq = sq, .ops = \&b->ops, .p2p_client = adapter,\n\t\t.subsysnqn = (char *)subsysnqn, .hostnqn = b->hostnqn });\n\tif (!ctrl) {/
