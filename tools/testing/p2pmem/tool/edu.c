// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem_edu, a client whose driver sets a larger DMA mask than its device has
 *
 * Floor 0.
 *
 * QEMU's educational device (1234:11e8; register layout from QEMU's docs/specs/edu) has
 * a DMA engine that silently drops the address bits above its dma_mask, which has 28
 * bits by default. This driver sets a mask of 32 bits, as real drivers have done. The
 * verdict of a pair is then always "ok", and only a self-test detects the fault. The
 * self-test of this driver uses the engine's 4 KiB buffer.
 *
 * For tests: never part of a production kernel.
 */
#define pr_fmt(fmt) "p2pmem_edu: " fmt

#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/pci-p2pmem.h>

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_CMD_RUN	BIT(0)
#define EDU_CMD_OUT	BIT(1)		/* from the buffer to memory, otherwise to the buffer */
#define EDU_BUFFER	0x40000		/* the buffer's address for the engine */
#define EDU_BYTES	1024		/* less than the size of the buffer */
#define EDU_WAIT_MS	5000

struct edu {
	struct pci_dev *pdev;
	void __iomem *regs;
	struct mutex engine;		/* guards registers and buffer for one copy, and @moved */
	size_t moved;			/* bytes copied */
	u8 *page;			/* system memory within 28 bits */
	dma_addr_t dma;
	struct pci_p2pmem_client *client;
};

static int edu_run(struct edu *e, u64 src, u64 dst, u64 cmd)
{
	unsigned int ms;

	writeq(src, e->regs + EDU_DMA_SRC);
	writeq(dst, e->regs + EDU_DMA_DST);
	writeq(EDU_BYTES, e->regs + EDU_DMA_COUNT);
	writeq(cmd | EDU_CMD_RUN, e->regs + EDU_DMA_CMD);
	for (ms = 0; ms < EDU_WAIT_MS; ms += 10) {
		if (!(readq(e->regs + EDU_DMA_CMD) & EDU_CMD_RUN))
			return 0;
		usleep_range(10000, 11000);
	}
	return -ETIMEDOUT;
}

/* Copies from one address to another through the buffer */
static int edu_copy(struct edu *e, dma_addr_t from, dma_addr_t to)
{
	int ret = edu_run(e, from, EDU_BUFFER, 0) ?: edu_run(e, EDU_BUFFER, to, EDU_CMD_OUT);

	if (!ret)
		e->moved += EDU_BYTES;
	return ret;
}

/* Reads peer memory first: a clamped address is in RAM, where reading is harmless. */
static const char *edu_transfers(struct edu *e, dma_addr_t peer, void __iomem *mem, u8 *buf)
{
	unsigned int i = get_random_u32_below(EDU_BYTES);

	get_random_bytes(buf, EDU_BYTES);
	memcpy_toio(mem, buf, EDU_BYTES);
	memset(e->page, 0, EDU_BYTES);
	if (edu_copy(e, peer, e->dma))
		return "the engine does not end";
	if (memcmp(e->page, buf, EDU_BYTES))
		return "reading peer memory moved wrong data";

	buf[i] = ~buf[i];
	iowrite8(buf[i], mem + i);
	if (edu_copy(e, peer, e->dma))
		return "the engine does not end";
	if (memcmp(e->page, buf, EDU_BYTES))
		return "reading peer memory missed a change";

	get_random_bytes(e->page, EDU_BYTES);
	if (edu_copy(e, e->dma, peer))
		return "the engine does not end";
	memcpy_fromio(buf, mem, EDU_BYTES);
	if (memcmp(e->page, buf, EDU_BYTES))
		return "writing peer memory moved wrong data";
	return NULL;
}

static enum pci_p2pmem_proof edu_verify(struct pci_p2pmem_client *client,
					struct pci_p2pmem_grant *grant, void *what,
					struct pci_p2pmem_test *test)
{
	struct edu *e = pci_p2pmem_client_priv(client);
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNTRIED;
	const char *wrong = "no memory";
	struct scatterlist *sgl;
	unsigned int nents;
	u8 *buf;

	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, EDU_BYTES, GFP_KERNEL, NULL);
	if (IS_ERR(sgl)) {
		strscpy(test->note, wrong, PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	buf = kmalloc(EDU_BYTES, GFP_KERNEL);
	if (buf && pci_p2pmem_map_sg(&e->pdev->dev, sgl, nents, DMA_BIDIRECTIONAL) > 0) {
		scoped_guard(mutex, &e->engine) {
			e->moved = 0;
			wrong = edu_transfers(e, sg_dma_address(sgl),
					      (void __iomem __force *)sg_virt(sgl), buf);
			test->bytes = e->moved;
		}
		proof = wrong ? PCI_P2PMEM_DISPROVED : PCI_P2PMEM_PROVED;
		pci_p2pmem_unmap_sg(&e->pdev->dev, sgl, nents, DMA_BIDIRECTIONAL);
	}
	if (wrong)
		strscpy(test->note, wrong, PCI_P2PMEM_NOTE);
	kfree(buf);
	pci_p2pmem_sgl_free(sgl);
	return proof;
}

static const struct pci_p2pmem_client_ops edu_ops = { .verify = edu_verify };

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *e = devm_kzalloc(&pdev->dev, sizeof(*e), GFP_KERNEL);
	int ret;

	if (!e)
		return -ENOMEM;
	e->pdev = pdev;
	mutex_init(&e->engine);
	pci_set_drvdata(pdev, e);
	ret = pcim_enable_device(pdev) ?: pcim_iomap_regions(pdev, BIT(0), "p2pmem_edu");
	if (ret)
		return ret;
	e->regs = pcim_iomap_table(pdev)[0];
	/* More bits than the device has; it reaches its own memory nevertheless. */
	ret = dma_set_mask(&pdev->dev, DMA_BIT_MASK(32)) ?:
	      dma_set_coherent_mask(&pdev->dev, DMA_BIT_MASK(28));
	if (ret)
		return ret;
	e->page = dmam_alloc_coherent(&pdev->dev, EDU_BYTES, &e->dma, GFP_KERNEL);
	if (!e->page)
		return -ENOMEM;
	pci_set_master(pdev);
	e->client = pci_p2pmem_register_client(&pdev->dev, &edu_ops, e);
	return PTR_ERR_OR_ZERO(e->client);
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *e = pci_get_drvdata(pdev);

	pci_p2pmem_unregister_client(e->client);
	pci_clear_master(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "p2pmem_edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("PCI peer-to-peer memory: a test client that promises too much");
MODULE_LICENSE("GPL");
