// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the self-test of an RDMA device's path to peer memory
 *
 * Floor 1.
 *
 * The self-test does what the adapter does for requests: RDMA READ into peer memory (data of a
 * Write command) and RDMA WRITE from peer memory (data of a Read command), mapped and posted by
 * the same functions. The far end is a page of system memory, which the device reaches by a
 * loopback connection.
 *
 * Before each transfer the contents of both ends differ; after it the CPU compares them. The
 * CPU may see the data later than the completion, because the two take different paths (PCIe
 * Base Specification, section 2.4: order is kept on one path only). So the comparison is
 * repeated for some time before it fails.
 *
 * A device that cannot be connected with itself, or is busy, leaves the path unproved, not
 * disproved. So does one that fails with system memory, too.
 *
 * RDMA RW registers an RDMA device as a client. This module adds a second registration with the
 * verify operation, until the device is removed. It registers no other device: each registration
 * makes its device a client, and an adapter whose transfers RDMA RW does not map must not be
 * one. The core keeps a registration until its self-test has ended, and the device's removal
 * waits for the end of the registration.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <rdma/rw.h>

#include <linux/pci-p2pmem.h>

#include "p2pmem-rdma.h"
#include "p2pmem.h"

#define NVMET_P2PMEM_LATE_MS	1000	/* data may be visible so much later than its completion */

/* What is registered for an RDMA device */
struct nvmet_p2pmem_adapter {
	struct ib_device *dev;
	struct pci_p2pmem_client *client;
	bool leaving;		/* a test that is running should end */
};

/* The near end of a transfer, in peer memory, and the number of bytes moved */
struct nvmet_p2pmem_peer {
	struct scatterlist *sgl;
	unsigned int nents;
	void __iomem *addr;
	size_t bytes;
};

/*
 * Do one transfer. Return 0, -EIO if the device reports that the transfer failed, or -EAGAIN if
 * the failure does not disprove the path: no mapping, no memory, connection lost, timeout.
 */
static int nvmet_p2pmem_move(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_peer *p,
			     enum dma_data_direction dir)
{
	struct ib_qp *qp = l->near->qp;
	u32 port = l->near->port_num;
	struct nvmet_p2pmem_done d;
	struct rdma_rw_ctx ctx;
	int ret;

	ret = rdma_rw_ctx_init(&ctx, qp, port, p->sgl, p->nents, 0, l->mr->iova, l->mr->rkey,
			       dir);
	/* No transfer: no IOVA space, no memory, or a changed verdict. */
	if (ret < 0)
		return -EAGAIN;

	nvmet_p2pmem_done_init(&d);
	ret = rdma_rw_ctx_post(&ctx, qp, port, &d.cqe, NULL);
	if (ret) {
		ret = -EAGAIN;
	} else if (!wait_for_completion_timeout(&d.done, NVMET_P2PMEM_LOOP_WAIT)) {
		/* @d is on the stack and the memory is freed: stop the device first. */
		nvmet_p2pmem_loop_cut(l);
		/* A timeout does not disprove the path. */
		ret = -EAGAIN;
	} else if (d.status != IB_WC_SUCCESS) {
		ret = nvmet_p2pmem_loop_disturbed(d.status) ? -EAGAIN : -EIO;
	} else {
		p->bytes += NVMET_P2PMEM_LOOP_BYTES;
	}
	rdma_rw_ctx_destroy(&ctx, qp, port, p->sgl, p->nents, dir);
	return ret;
}

/* Compare both ends, repeatedly until they are equal or the time limit expires */
static bool nvmet_p2pmem_same(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_peer *p, u8 *buf)
{
	unsigned long end = jiffies + msecs_to_jiffies(NVMET_P2PMEM_LATE_MS);

	for (;;) {
		memcpy_fromio(buf, p->addr, NVMET_P2PMEM_LOOP_BYTES);
		if (!memcmp(buf, l->page, NVMET_P2PMEM_LOOP_BYTES))
			return true;
		if (time_after(jiffies, end))
			return false;
		fsleep(1000);
	}
}

static int nvmet_p2pmem_move_and_compare(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_peer *p,
					 u8 *buf, enum dma_data_direction dir)
{
	return nvmet_p2pmem_move(l, p, dir) ?:
	       nvmet_p2pmem_same(l, p, buf) ? 0 : -EBADMSG;
}

/*
 * Makes the CPU's writes arrive before the adapter moves data: they may take another way to the
 * memory than its requests. A read does not pass them (PCIe Base Specification, section 2.4.1).
 */
static void nvmet_p2pmem_settle(struct nvmet_p2pmem_peer *p)
{
	mb();	/* order the writes before the read, and the read before the doorbell */
	(void)ioread8(p->addr);
}

/* Transfer in both directions, then again after one byte has changed */
static int nvmet_p2pmem_transfers(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_peer *p,
				  u8 *buf, const char **what)
{
	int i, ret;

	/* Each byte of the peer memory differs from the byte at the far end. */
	get_random_bytes(l->page, NVMET_P2PMEM_LOOP_BYTES);
	for (i = 0; i < NVMET_P2PMEM_LOOP_BYTES; i++)
		buf[i] = ~((u8 *)l->page)[i];
	memcpy_toio(p->addr, buf, NVMET_P2PMEM_LOOP_BYTES);
	nvmet_p2pmem_settle(p);

	*what = "RDMA READ into it";
	ret = nvmet_p2pmem_move_and_compare(l, p, buf, DMA_FROM_DEVICE);
	if (ret)
		return ret;

	*what = "RDMA WRITE from it";
	memset(l->page, 0, NVMET_P2PMEM_LOOP_BYTES);
	ret = nvmet_p2pmem_move_and_compare(l, p, buf, DMA_TO_DEVICE);
	if (ret)
		return ret;

	/* A changed byte detects data that was moved from a stale copy of the peer memory. */
	*what = "RDMA WRITE of a changed byte from it";
	i = get_random_u32_below(NVMET_P2PMEM_LOOP_BYTES);
	iowrite8(~buf[i], p->addr + i);
	nvmet_p2pmem_settle(p);
	return nvmet_p2pmem_move_and_compare(l, p, buf, DMA_TO_DEVICE);
}

/* Whether a test has to end without a result, and a note that says why */
static bool nvmet_p2pmem_stops(struct nvmet_p2pmem_adapter *a, struct pci_p2pmem_grant *grant,
			       struct pci_p2pmem_test *test)
{
	bool leaving = READ_ONCE(a->leaving);

	if (!leaving && pci_p2pmem_grant_usable(grant))
		return false;
	strscpy(test->note, leaving ? "the adapter is leaving" : "the provider is leaving",
		PCI_P2PMEM_NOTE);
	return true;
}

/*
 * Connects the device with itself by the @nth port; the connection manager may be busy. A removal
 * of the device waits for the end of the test, and each attempt may take many seconds.
 */
static int nvmet_p2pmem_loop_try_port(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_adapter *a,
				      struct pci_p2pmem_grant *grant, unsigned int nth,
				      struct pci_p2pmem_test *test)
{
	int i, ret;

	for (i = 1; ; i++) {
		ret = nvmet_p2pmem_stops(a, grant, test) ? -ESHUTDOWN :
							   nvmet_p2pmem_loop_open(l, a->dev, nth);
		if ((ret != -ETIMEDOUT && ret != -ENOTCONN) || i == NVMET_P2PMEM_ATTEMPTS)
			return ret;
		nvmet_p2pmem_loop_close(l);
	}
}

/*
 * Whether an error is one of the ports at this moment: without address, unplugged, the connection
 * manager busy. It says nothing about the path, and another port or a later test may succeed.
 */
static bool nvmet_p2pmem_passes(int error)
{
	switch (error) {
	case -EADDRNOTAVAIL:
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ENETDOWN:
	case -ENETUNREACH:
	case -ENODEV:
	case -ENOTCONN:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Connects the device with itself by any port; returns the error of the last port it tried. */
static int nvmet_p2pmem_loop_try(struct nvmet_p2pmem_loop *l, struct nvmet_p2pmem_adapter *a,
				 struct pci_p2pmem_grant *grant, struct pci_p2pmem_test *test)
{
	int ret, error = -EADDRNOTAVAIL;
	unsigned int nth;

	for (nth = 0; ; nth++) {
		ret = nvmet_p2pmem_loop_try_port(l, a, grant, nth, test);
		if (ret == -ENXIO)
			return error;
		if (!nvmet_p2pmem_passes(ret))
			return ret;
		error = ret;
		nvmet_p2pmem_loop_close(l);
	}
}

/* The result if the device cannot be connected with itself */
static enum pci_p2pmem_proof nvmet_p2pmem_unconnected(struct ib_device *dev, int error, bool before,
						      struct pci_p2pmem_test *test)
{
	snprintf(test->note, PCI_P2PMEM_NOTE, "%s cannot be connected with itself (%pe)",
		 dev_name(&dev->dev), ERR_PTR(error));
	/* A device that has too few objects now may have them later, an ability never. */
	test->local = error != -EOPNOTSUPP && error != -EIO && error != -EINVAL;
	return before || error == -ENOMEM || error == -EINTR ? PCI_P2PMEM_UNTRIED :
							       PCI_P2PMEM_UNPROVED;
}

/* Whether a connection moves data between two pages of system memory, in both directions */
static bool nvmet_p2pmem_moves_ram(struct nvmet_p2pmem_loop *l, u8 *buf)
{
	struct scatterlist sg;
	struct nvmet_p2pmem_peer ram = { .sgl = &sg, .nents = 1 };

	sg_init_one(&sg, buf, NVMET_P2PMEM_LOOP_BYTES);
	return !nvmet_p2pmem_move(l, &ram, DMA_FROM_DEVICE) &&
		!nvmet_p2pmem_move(l, &ram, DMA_TO_DEVICE);
}

/*
 * Transfers over a connection, until successes outnumber @wrong. A removal of the provider waits
 * for the memory, so there is none while the device is being connected. Returns the error of the
 * first transfer that fails, or -ENOBUFS if there is no memory, with a note.
 */
static int nvmet_p2pmem_transfer_all(struct nvmet_p2pmem_loop *l, struct pci_p2pmem_grant *grant,
				     u8 *buf, unsigned int *right, unsigned int wrong,
				     struct pci_p2pmem_test *test)
{
	struct nvmet_p2pmem_peer p = { };
	const char *what = "";
	int ret;

	p.sgl = pci_p2pmem_grant_sgl_alloc(grant, &p.nents, NVMET_P2PMEM_LOOP_BYTES, GFP_KERNEL,
					   NULL);
	if (IS_ERR(p.sgl)) {
		snprintf(test->note, PCI_P2PMEM_NOTE, "no peer-to-peer memory for the test (%pe)",
			 p.sgl);
		return -ENOBUFS;
	}
	p.addr = (void __iomem __force *)sg_virt(p.sgl);
	do {
		ret = nvmet_p2pmem_transfers(l, &p, buf, &what);
	} while (!ret && ++*right <= wrong);
	/* No transfer is in flight when the memory is freed. */
	if (ret)
		nvmet_p2pmem_loop_cut(l);
	test->bytes += p.bytes;
	pci_p2pmem_sgl_free(p.sgl);

	switch (ret) {
	case 0:
		break;
	case -EAGAIN:
		snprintf(test->note, PCI_P2PMEM_NOTE, "%s was disturbed", what);
		break;
	case -EBADMSG:
		snprintf(test->note, PCI_P2PMEM_NOTE, "%s moved wrong data", what);
		break;
	default:
		snprintf(test->note, PCI_P2PMEM_NOTE, "%s failed (%pe)", what, ERR_PTR(ret));
	}
	return ret;
}

/*
 * Wrong data disproves the path. An error may be one of the adapter, which loses the connection: it
 * has to be found NVMET_P2PMEM_ATTEMPTS times, unless successes outnumber it before, and not with
 * system memory.
 */
static enum pci_p2pmem_proof nvmet_p2pmem_test(struct nvmet_p2pmem_loop *l,
					       struct nvmet_p2pmem_adapter *a,
					       struct pci_p2pmem_grant *grant, u8 *buf,
					       struct pci_p2pmem_test *test)
{
	unsigned int right = 0, wrong = 0;
	char failed[PCI_P2PMEM_NOTE];
	int ret;

	do {
		ret = nvmet_p2pmem_loop_try(l, a, grant, test);
		if (ret)
			goto unconnected;
		ret = nvmet_p2pmem_transfer_all(l, grant, buf, &right, wrong, test);
		if (!ret)
			return PCI_P2PMEM_PROVED;
		if (ret == -EBADMSG)
			return PCI_P2PMEM_DISPROVED;
		if (ret == -EAGAIN || ret == -ENOBUFS)
			return PCI_P2PMEM_UNTRIED;
		/* An error ends a connection. */
		nvmet_p2pmem_loop_close(l);
	} while (++wrong < NVMET_P2PMEM_ATTEMPTS);

	strscpy(failed, test->note, sizeof(failed));
	ret = nvmet_p2pmem_loop_try(l, a, grant, test);
	if (ret)
		goto unconnected;
	if (!nvmet_p2pmem_moves_ram(l, buf)) {
		snprintf(test->note, PCI_P2PMEM_NOTE, "%s fails with system memory, too",
			 dev_name(&a->dev->dev));
		return PCI_P2PMEM_UNTRIED;
	}
	strscpy(test->note, failed, PCI_P2PMEM_NOTE);
	return PCI_P2PMEM_DISPROVED;

unconnected:
	if (ret == -ESHUTDOWN)
		return PCI_P2PMEM_UNTRIED;
	return nvmet_p2pmem_unconnected(a->dev, ret, wrong, test);
}

/* struct pci_p2pmem_client_ops.verify */
static enum pci_p2pmem_proof nvmet_p2pmem_rdma_verify(struct pci_p2pmem_client *client,
						      struct pci_p2pmem_grant *grant,
						      void *what,
						      struct pci_p2pmem_test *test)
{
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNTRIED;
	struct nvmet_p2pmem_loop *l;
	u8 *buf;

	l = kzalloc(sizeof(*l), GFP_KERNEL);
	buf = kmalloc(NVMET_P2PMEM_LOOP_BYTES, GFP_KERNEL);
	if (l && buf) {
		proof = nvmet_p2pmem_test(l, pci_p2pmem_client_priv(client), grant, buf, test);
		nvmet_p2pmem_loop_close(l);
	} else {
		strscpy(test->note, "no memory for the test", PCI_P2PMEM_NOTE);
	}
	kfree(buf);
	kfree(l);
	return proof;
}

static const struct pci_p2pmem_client_ops nvmet_p2pmem_rdma_ops = {
	.verify = nvmet_p2pmem_rdma_verify,
};

static struct ib_client nvmet_p2pmem_rdma_client;

/* Whether RDMA RW has registered a device, which it does before any ib_client is notified */
static bool nvmet_p2pmem_is_client(struct ib_device *dev)
{
	struct device *client;

	/* A device without a DMA device moves data with the CPU. */
	if (!dev->dma_device)
		return false;
	client = pci_p2pmem_find_client(dev->dma_device);
	put_device(client);
	return client == dev->dma_device;
}

static int nvmet_p2pmem_rdma_add(struct ib_device *dev)
{
	struct nvmet_p2pmem_adapter *a;
	int ret = -ENOMEM;

	if (!nvmet_p2pmem_is_client(dev))
		return -EOPNOTSUPP;
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		goto fail;
	a->dev = dev;
	a->client = pci_p2pmem_register_client(dev->dma_device, &nvmet_p2pmem_rdma_ops, a);
	if (IS_ERR(a->client)) {
		ret = PTR_ERR(a->client);
		kfree(a);
		goto fail;
	}
	ib_set_client_data(dev, &nvmet_p2pmem_rdma_client, a);
	return 0;
fail:
	dev_warn(&dev->dev, "cannot register the self-test of peer-to-peer paths for %s (%pe); reload nvmet-rdma\n",
		 dev_name(dev->dma_device), ERR_PTR(ret));
	return ret;
}

static void nvmet_p2pmem_rdma_remove(struct ib_device *dev, void *data)
{
	struct nvmet_p2pmem_adapter *a = data;

	WRITE_ONCE(a->leaving, true);
	/* Waits for a running self-test. */
	pci_p2pmem_unregister_client(a->client);
	kfree(a);
}

static struct ib_client nvmet_p2pmem_rdma_client = {
	.name = "nvmet_p2pmem",
	.add = nvmet_p2pmem_rdma_add,
	.remove = nvmet_p2pmem_rdma_remove,
};

static bool nvmet_p2pmem_rdma_ready;

/**
 * nvmet_p2pmem_rdma_init() - register the self-test of RDMA devices
 *
 * If this fails, the transport works, but its paths are not proved.
 *
 * Context: Module init.
 */
void nvmet_p2pmem_rdma_init(void)
{
	int ret = ib_register_client(&nvmet_p2pmem_rdma_client);

	nvmet_p2pmem_rdma_ready = !ret;
	if (ret)
		pr_warn("cannot register the self-test of peer-to-peer paths of RDMA devices (%pe); reload nvmet-rdma\n",
			ERR_PTR(ret));
}

/**
 * nvmet_p2pmem_rdma_exit() - undo nvmet_p2pmem_rdma_init()
 *
 * Context: Module exit; waits for running self-tests.
 */
void nvmet_p2pmem_rdma_exit(void)
{
	if (nvmet_p2pmem_rdma_ready)
		ib_unregister_client(&nvmet_p2pmem_rdma_client);
}
