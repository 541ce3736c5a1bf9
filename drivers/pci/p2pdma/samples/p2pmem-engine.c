// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem-engine, a sample client: a DMA engine
 *
 * A complete driver for a PCI function that reads and writes peer-to-peer memory. The
 * device is QEMU's educational one (1234:11e8; registers as QEMU's docs/specs/edu lists
 * them): a DMA engine with a buffer of 4 KiB. Other drivers move data between a
 * scatterlist and that buffer with p2pmem_engine_move().
 *
 * The engine drops the address bits above its width without an error. Whether the
 * parameter dma_bits is right is therefore known only after the self-test,
 * engine_verify().
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/pci-p2pmem.h>
#include "engine.h"

#define ENGINE_DMA_SRC	0x80
#define ENGINE_DMA_DST	0x88
#define ENGINE_DMA_COUNT 0x90
#define ENGINE_DMA_CMD	0x98
#define ENGINE_CMD_RUN	BIT(0)
#define ENGINE_CMD_OUT	BIT(1)		/* from the buffer to memory; otherwise into it */
#define ENGINE_BUFFER	0x40000		/* address of the buffer, as the engine sees it */
#define ENGINE_MIN_BITS	28		/* width of every such engine */
#define ENGINE_WAIT_MS	5000
#define TEST_BYTES	1024		/* size of one transfer of the self-test */

static unsigned int dma_bits = ENGINE_MIN_BITS;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "address bits of the engine (default 28; QEMU: property dma_mask)");

struct engine {
	struct list_head list;
	struct pci_dev *pdev;
	void __iomem *regs;
	bool asleep;			/* suspended: no transfers until resume */
	u8 *page;			/* 2 * TEST_BYTES of system memory for the self-test */
	dma_addr_t dma;
	struct pci_p2pmem_client *client;
};

/* Guards the list, the registers and the buffer of each engine, and engine.asleep */
static DEFINE_MUTEX(engine_lock);
static LIST_HEAD(engines);

static int engine_run(struct engine *e, u64 src, u64 dst, u32 len, u64 cmd)
{
	unsigned int ms;

	lockdep_assert_held(&engine_lock);
	if (e->asleep)
		return -EAGAIN;
	writeq(src, e->regs + ENGINE_DMA_SRC);
	writeq(dst, e->regs + ENGINE_DMA_DST);
	writeq(len, e->regs + ENGINE_DMA_COUNT);
	writeq(cmd | ENGINE_CMD_RUN, e->regs + ENGINE_DMA_CMD);
	for (ms = 0; ms < ENGINE_WAIT_MS; ms += 10) {
		if (!(readq(e->regs + ENGINE_DMA_CMD) & ENGINE_CMD_RUN))
			return 0;
		usleep_range(10000, 11000);
	}
	return -ETIMEDOUT;
}

/* Map any list, of system memory or of peer memory; return the number of DMA segments. */
static int engine_map(struct engine *e, struct scatterlist *sgl, unsigned int nents,
		      enum dma_data_direction dir)
{
	int ret = pci_p2pmem_sg_check(sgl, nents);

	if (ret > 0)
		return pci_p2pmem_map_sg(&e->pdev->dev, sgl, nents, dir);
	if (!ret)
		ret = dma_map_sg(&e->pdev->dev, sgl, nents, dir) ?: -EIO;
	return ret;
}

static void engine_unmap(struct engine *e, struct scatterlist *sgl, unsigned int nents,
			 enum dma_data_direction dir)
{
	/* A list that was mapped is of one kind, which its first page shows. */
	if (is_pci_p2pmem_page(sg_page(sgl)))
		pci_p2pmem_unmap_sg(&e->pdev->dev, sgl, nents, dir);
	else
		dma_unmap_sg(&e->pdev->dev, sgl, nents, dir);
}

static int engine_move(struct engine *e, struct scatterlist *sgl, unsigned int nents,
		       enum dma_data_direction dir)
{
	int i, ret, count = engine_map(e, sgl, nents, dir);
	struct scatterlist *sg;
	u32 done = 0;

	if (count < 0)
		return count;
	ret = 0;
	for_each_sg(sgl, sg, count, i) {
		u32 len = sg_dma_len(sg);

		if (len > ENGINE_BYTES - done)
			ret = -EMSGSIZE;
		else if (dir == DMA_TO_DEVICE)
			ret = engine_run(e, sg_dma_address(sg), ENGINE_BUFFER + done, len, 0);
		else
			ret = engine_run(e, ENGINE_BUFFER + done, sg_dma_address(sg), len,
					 ENGINE_CMD_OUT);
		if (ret)
			break;
		done += len;
	}
	engine_unmap(e, sgl, nents, dir);
	return ret;
}

/**
 * p2pmem_engine_move() - move data between a list and the buffer of an engine
 * @dev: the engine's DMA device
 * @sgl: system memory or peer memory, at most ENGINE_BYTES of it
 * @nents: number of entries of @sgl
 * @dir: DMA_TO_DEVICE fills the buffer, DMA_FROM_DEVICE empties it
 *
 * Context: Process context, sleeps until the transfer has finished.
 * Return: 0; -ENODEV when @dev is no engine or its driver was unbound; -EAGAIN while it is
 * suspended; -EMSGSIZE; -ETIMEDOUT; an errno of pci_p2pmem_map_sg().
 */
int p2pmem_engine_move(struct device *dev, struct scatterlist *sgl, unsigned int nents,
		       enum dma_data_direction dir)
{
	struct engine *e;

	guard(mutex)(&engine_lock);
	list_for_each_entry(e, &engines, list)
		if (&e->pdev->dev == dev)
			return engine_move(e, sgl, nents, dir);
	return -ENODEV;
}
EXPORT_SYMBOL_GPL(p2pmem_engine_move);

/* Copy between two addresses by way of the buffer. */
static int engine_copy(struct engine *e, dma_addr_t from, dma_addr_t to,
		       struct pci_p2pmem_test *test)
{
	int ret = engine_run(e, from, ENGINE_BUFFER, TEST_BYTES, 0) ?:
		  engine_run(e, ENGINE_BUFFER, to, TEST_BYTES, ENGINE_CMD_OUT);

	if (!ret)
		test->bytes += TEST_BYTES;
	return ret;
}

/*
 * Makes the CPU's writes arrive before the engine reads: its requests may take another way, and the
 * CPU's own read does not pass them.
 */
static void engine_settle(void __iomem *mem)
{
	mb();	/* order the writes before the read, and the read before the command */
	(void)ioread8(mem);
}

static const char engine_stuck[] = "the engine does not end";

/*
 * The CPU is the witness: two transfers of the engine to the same wrong address would
 * agree with each other. Reading goes first: an address with bits dropped is in system
 * memory, where a read does no harm.
 */
static const char *engine_test(struct engine *e, dma_addr_t peer, void __iomem *mem, u8 *buf,
			       struct pci_p2pmem_test *test)
{
	unsigned int i = get_random_u32_below(TEST_BYTES);

	get_random_bytes(buf, TEST_BYTES);
	memcpy_toio(mem, buf, TEST_BYTES);
	engine_settle(mem);
	memset(e->page, 0, TEST_BYTES);
	if (engine_copy(e, peer, e->dma, test))
		return engine_stuck;
	if (memcmp(e->page, buf, TEST_BYTES))
		return "reading peer memory moved wrong data";

	buf[i] = ~buf[i];
	iowrite8(buf[i], mem + i);
	engine_settle(mem);
	if (engine_copy(e, peer, e->dma, test))
		return engine_stuck;
	if (memcmp(e->page, buf, TEST_BYTES))
		return "reading peer memory missed a change";

	get_random_bytes(e->page, TEST_BYTES);
	if (engine_copy(e, e->dma, peer, test))
		return engine_stuck;
	memcpy_fromio(buf, mem, TEST_BYTES);
	if (memcmp(e->page, buf, TEST_BYTES))
		return "writing peer memory moved wrong data";
	return NULL;
}

/* An engine that does not copy system memory, either, shows nothing about the path. */
static bool engine_copies_ram(struct engine *e)
{
	u8 *copy = e->page + TEST_BYTES;

	get_random_bytes(e->page, TEST_BYTES);
	memset(copy, 0, TEST_BYTES);
	return !engine_run(e, e->dma, ENGINE_BUFFER, TEST_BYTES, 0) &&
		!engine_run(e, ENGINE_BUFFER, e->dma + TEST_BYTES, TEST_BYTES, ENGINE_CMD_OUT) &&
		!memcmp(e->page, copy, TEST_BYTES);
}

/* Prove by real DMA that this engine reaches the memory of a grant. */
static enum pci_p2pmem_proof engine_verify(struct pci_p2pmem_client *client,
					   struct pci_p2pmem_grant *grant, void *what,
					   struct pci_p2pmem_test *test)
{
	struct engine *e = pci_p2pmem_client_priv(client);
	enum pci_p2pmem_proof proof = PCI_P2PMEM_UNTRIED;
	const char *wrong = "no memory";
	struct scatterlist *sgl;
	unsigned int nents, i;
	u8 *buf;

	guard(mutex)(&engine_lock);
	if (e->asleep)
		return PCI_P2PMEM_UNTRIED;
	sgl = pci_p2pmem_grant_sgl_alloc(grant, &nents, TEST_BYTES, GFP_KERNEL, NULL);
	if (IS_ERR(sgl)) {
		strscpy(test->note, wrong, PCI_P2PMEM_NOTE);
		return PCI_P2PMEM_UNTRIED;
	}
	buf = kmalloc(TEST_BYTES, GFP_KERNEL);
	if (buf && pci_p2pmem_map_sg(&e->pdev->dev, sgl, nents, DMA_BIDIRECTIONAL) > 0) {
		/* The result is kept for long: what is not wrong data is tried three times. */
		for (i = 0; i < 3 && (!i || wrong == engine_stuck); i++)
			wrong = engine_test(e, sg_dma_address(sgl),
					    (void __iomem __force *)sg_virt(sgl), buf, test);
		if (!wrong)
			proof = PCI_P2PMEM_PROVED;
		else if (engine_copies_ram(e))
			proof = PCI_P2PMEM_DISPROVED;
		else
			wrong = "the engine fails with system memory, too";
		pci_p2pmem_unmap_sg(&e->pdev->dev, sgl, nents, DMA_BIDIRECTIONAL);
	}
	if (wrong)
		strscpy(test->note, wrong, PCI_P2PMEM_NOTE);
	kfree(buf);
	pci_p2pmem_sgl_free(sgl);
	return proof;
}

/* No revoke operation: this driver keeps no mapping after a transfer. */
static const struct pci_p2pmem_client_ops engine_ops = { .verify = engine_verify };

static int engine_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct engine *e = devm_kzalloc(&pdev->dev, sizeof(*e), GFP_KERNEL);
	int ret;

	if (!e)
		return -ENOMEM;
	e->pdev = pdev;
	pci_set_drvdata(pdev, e);
	ret = pcim_enable_device(pdev) ?: pcim_iomap_regions(pdev, BIT(0), "p2pmem-engine");
	if (ret)
		return ret;
	e->regs = pcim_iomap_table(pdev)[0];
	ret = dma_set_mask(&pdev->dev, DMA_BIT_MASK(dma_bits)) ?:
	      dma_set_coherent_mask(&pdev->dev, DMA_BIT_MASK(ENGINE_MIN_BITS));
	if (ret)
		return ret;
	e->page = dmam_alloc_coherent(&pdev->dev, 2 * TEST_BYTES, &e->dma, GFP_KERNEL);
	if (!e->page)
		return -ENOMEM;
	pci_set_master(pdev);

	/* Last: orchestrators may use the engine from here on. */
	e->client = pci_p2pmem_register_client(&pdev->dev, &engine_ops, e);
	if (IS_ERR(e->client))
		return PTR_ERR(e->client);
	guard(mutex)(&engine_lock);
	list_add(&e->list, &engines);
	return 0;
}

static void engine_remove(struct pci_dev *pdev)
{
	struct engine *e = pci_get_drvdata(pdev);

	scoped_guard(mutex, &engine_lock)
		list_del(&e->list);
	/* Waits for engine_verify(), so engine_lock must not be held. */
	pci_p2pmem_unregister_client(e->client);
	pci_clear_master(pdev);
}

/* Taking the lock waits for a running transfer; later ones are refused. */
static int engine_suspend(struct device *dev)
{
	struct engine *e = dev_get_drvdata(dev);

	guard(mutex)(&engine_lock);
	e->asleep = true;
	return 0;
}

/* The PCI core has restored BARs and bus mastering; the engine keeps no other state. */
static int engine_resume(struct device *dev)
{
	struct engine *e = dev_get_drvdata(dev);

	guard(mutex)(&engine_lock);
	e->asleep = false;
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(engine_pm, engine_suspend, engine_resume);

static const struct pci_device_id engine_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};
MODULE_DEVICE_TABLE(pci, engine_ids);

static struct pci_driver engine_driver = {
	.name = "p2pmem-engine",
	.id_table = engine_ids,
	.probe = engine_probe,
	.remove = engine_remove,
	.driver.pm = pm_sleep_ptr(&engine_pm),
};
module_pci_driver(engine_driver);

MODULE_DESCRIPTION("PCI peer-to-peer memory: a sample client");
MODULE_LICENSE("GPL");
