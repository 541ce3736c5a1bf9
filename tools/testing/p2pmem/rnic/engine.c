// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: The copy engine
 *
 * Floor 2.
 *
 * Moves bytes between two checked lists of memory with the SCRIPTS processor
 * of the 53c895a. A program is a run of Memory Move instructions in coherent
 * memory and an INT that ends it; storing its address in DSP starts it. The
 * engine has 32 address bits and a 24-bit count. The driver polls it: DIEN stays
 * zero, so the function never raises an interrupt.
 *
 * With virt_dma the addresses are kernel virtual ones and the CPU copies.
 * This is the only file that touches the function's registers.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "rnic.h"

static unsigned int rnic_hold_us;
module_param_named(hold_us, rnic_hold_us, uint, 0644);
MODULE_PARM_DESC(hold_us, "microseconds to delay each transfer (default 0)");

#define LSI_DSTAT		0x0c
#define  LSI_DSTAT_FIFO_EMPTY	0x80
#define  LSI_DSTAT_INT		0x04
#define LSI_ISTAT		0x14
#define  LSI_ISTAT_RESET	0x40
#define  LSI_ISTAT_SCSI		0x02
#define  LSI_ISTAT_DMA		0x01
#define LSI_DSP			0x2c

#define MOVE			0xc0000000
#define MOVE_MAX		0x00ffffffu
#define MOVE_WORDS		3
#define INT			0x98080000
#define INT_WORDS		2

#define SCRIPT_BYTES		SZ_32K
#define SCRIPT_MOVES		((SCRIPT_BYTES / 4 - INT_WORDS) / MOVE_WORDS)

#define RUN_TIMEOUT_US		(5 * USEC_PER_SEC)

/* True if the page at @addr is system memory and not peer memory. */
bool rnic_addr_is_ram(const struct rnic_dev *dev, u64 addr)
{
	if (!dev->virt_dma)
		return pfn_to_online_page(PHYS_PFN(addr));
	return virt_addr_valid((void *)(uintptr_t)addr) &&
	       pfn_to_online_page(PHYS_PFN(virt_to_phys((void *)(uintptr_t)addr)));
}

static void rnic_engine_reset(struct rnic_engine *eng)
{
	writeb(LSI_ISTAT_RESET, eng->regs + LSI_ISTAT);
	readb(eng->regs + LSI_ISTAT);
	usleep_range(10, 100);
	writeb(0, eng->regs + LSI_ISTAT);
	eng->dead = readb(eng->regs + LSI_ISTAT) == 0xff;
}

/* Run the program of @nr moves in eng->script. */
static int rnic_engine_run(struct rnic_dev *dev, unsigned int nr)
{
	struct rnic_engine *eng = &dev->engine;
	u8 istat, dstat = 0;
	int ret;

	lockdep_assert_held(&eng->lock);
	eng->script[nr * MOVE_WORDS] = cpu_to_le32(INT);
	eng->script[nr * MOVE_WORDS + 1] = 0;

	writel(lower_32_bits(eng->script_dma), eng->regs + LSI_DSP);
	ret = readb_poll_timeout(eng->regs + LSI_ISTAT, istat,
				 istat & (LSI_ISTAT_DMA | LSI_ISTAT_SCSI), 20, RUN_TIMEOUT_US);
	if (!ret)
		dstat = readb(eng->regs + LSI_DSTAT);
	rnic_count_inc(dev, RNIC_COUNT_SCRIPTS);
	rnic_count_add(dev, RNIC_COUNT_MOVES, nr);
	if (!ret && !(istat & LSI_ISTAT_SCSI) && dstat == (LSI_DSTAT_FIFO_EMPTY | LSI_DSTAT_INT))
		return 0;

	rnic_count_inc(dev, RNIC_COUNT_MOVE_ERRORS);
	dev_err_ratelimited(&dev->pdev->dev,
			    "copy program of %u moves failed: %s, ISTAT %#x DSTAT %#x; engine reset\n",
			    nr, ret ? "timed out" : "stopped early", istat, dstat);
	rnic_engine_reset(eng);
	return -EIO;
}

static int rnic_refuse(struct rnic_dev *dev, u64 addr, u32 len)
{
	const char *why = dev->virt_dma ? "not a kernel address" : "the engine has 32 address bits";

	rnic_count_inc(dev, RNIC_COUNT_REFUSED_ADDRESSES);
	dev_err_ratelimited(&dev->pdev->dev,
			    "%s: address %#llx+%#x refused: %s; map it for this device's DMA mask\n",
			    dev_name(&dev->ibdev.dev), addr, len, why);
	return -ERANGE;
}

/* True if the engine, or with virt_dma the CPU, can address all @len bytes. */
bool rnic_addr_reachable(const struct rnic_dev *dev, u64 addr, u32 len)
{
	if (!dev->virt_dma)
		return addr < RNIC_ADDR_LIMIT && len <= RNIC_ADDR_LIMIT - addr;
	return virt_addr_valid((void *)(uintptr_t)addr) &&
	       virt_addr_valid((void *)(uintptr_t)(addr + len - 1));
}

/* Return the length of the next piece that is contiguous on both sides, or -ERANGE. */
static int rnic_next_move(struct rnic_dev *dev, struct rnic_cursor *dst,
			  struct rnic_cursor *src, u64 left, u64 *to, u64 *from, u32 *len)
{
	u32 to_len, from_len;

	if (!rnic_cursor_peek(dst, to, &to_len) || !rnic_cursor_peek(src, from, &from_len))
		return -ERANGE;
	*len = min3(to_len, from_len, MOVE_MAX);
	*len = min_t(u64, *len, left);
	if (!rnic_addr_reachable(dev, *to, *len))
		return rnic_refuse(dev, *to, *len);
	if (!rnic_addr_reachable(dev, *from, *len))
		return rnic_refuse(dev, *from, *len);

	rnic_cursor_advance(dst, *len);
	rnic_cursor_advance(src, *len);
	if (rnic_addr_is_ram(dev, *to) && rnic_addr_is_ram(dev, *from))
		rnic_count_add(dev, RNIC_COUNT_RAM_BYTES, *len);
	else
		rnic_count_add(dev, RNIC_COUNT_PEER_BYTES, *len);
	return 0;
}

static int rnic_copy_virt(struct rnic_dev *dev, struct rnic_cursor *dst,
			  struct rnic_cursor *src, u64 left)
{
	u64 to, from;
	u32 len;
	int ret;

	for (; left; left -= len) {
		ret = rnic_next_move(dev, dst, src, left, &to, &from, &len);
		if (ret)
			return ret;
		memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, len);
		rnic_count_inc(dev, RNIC_COUNT_MOVES);
		cond_resched();
	}
	return 0;
}

static int rnic_copy_script(struct rnic_dev *dev, struct rnic_cursor *dst,
			    struct rnic_cursor *src, u64 left)
{
	struct rnic_engine *eng = &dev->engine;
	unsigned int nr = 0;
	u64 to, from;
	u32 len;
	int ret;

	for (; left; left -= len) {
		__le32 *insn = eng->script + nr * MOVE_WORDS;

		ret = rnic_next_move(dev, dst, src, left, &to, &from, &len);
		if (ret)
			return ret;
		insn[0] = cpu_to_le32(MOVE | len);
		insn[1] = cpu_to_le32(lower_32_bits(from));
		insn[2] = cpu_to_le32(lower_32_bits(to));
		if (++nr < SCRIPT_MOVES)
			continue;
		ret = rnic_engine_run(dev, nr);
		if (ret)
			return ret;
		nr = 0;
	}
	return nr ? rnic_engine_run(dev, nr) : 0;
}

/*
 * Copy all @len bytes from @src to @dst, or return an error: -ERANGE for an address
 * that the engine cannot reach, -EIO if the program failed. After an error, a part of
 * the data may have been copied.
 */
int rnic_engine_copy(struct rnic_dev *dev, struct rnic_cursor *dst, struct rnic_cursor *src,
		     u64 len)
{
	struct rnic_engine *eng = &dev->engine;
	unsigned int hold_us = READ_ONCE(rnic_hold_us);
	int ret;

	if (!len)
		return 0;
	if (hold_us)
		fsleep(hold_us);
	if (dev->virt_dma)
		return rnic_copy_virt(dev, dst, src, len);

	mutex_lock(&eng->lock);
	while (eng->asleep) {
		mutex_unlock(&eng->lock);
		wait_event(eng->awake, !READ_ONCE(eng->asleep));
		mutex_lock(&eng->lock);
	}
	ret = eng->dead ? -EIO : rnic_copy_script(dev, dst, src, len);
	mutex_unlock(&eng->lock);
	return ret;
}

/* Waits for the running program; later requests wait for rnic_engine_resume(). */
void rnic_engine_suspend(struct rnic_dev *dev)
{
	struct rnic_engine *eng = &dev->engine;

	mutex_lock(&eng->lock);
	WRITE_ONCE(eng->asleep, true);
	mutex_unlock(&eng->lock);
}

/* The registers may have lost their contents. */
void rnic_engine_resume(struct rnic_dev *dev)
{
	struct rnic_engine *eng = &dev->engine;

	mutex_lock(&eng->lock);
	if (!eng->dead)
		rnic_engine_reset(eng);
	WRITE_ONCE(eng->asleep, false);
	mutex_unlock(&eng->lock);
	wake_up_all(&eng->awake);
}

int rnic_engine_init(struct rnic_dev *dev)
{
	struct device *parent = &dev->pdev->dev;
	struct rnic_engine *eng = &dev->engine;
	int ret;

	mutex_init(&eng->lock);
	init_waitqueue_head(&eng->awake);
	ret = dma_set_mask_and_coherent(parent, DMA_BIT_MASK(32));
	if (ret)
		return dev_err_probe(parent, ret, "no 32-bit DMA for the copy engine\n");
	dma_set_max_seg_size(parent, UINT_MAX);

	eng->regs = pcim_iomap_region(dev->pdev, 1, RNIC_NAME);
	if (IS_ERR(eng->regs))
		return dev_err_probe(parent, PTR_ERR(eng->regs),
				     "cannot map BAR 1, the registers of the copy engine\n");

	eng->script = dmam_alloc_coherent(parent, SCRIPT_BYTES, &eng->script_dma, GFP_KERNEL);
	if (!eng->script)
		return -ENOMEM;

	rnic_engine_reset(eng);
	if (eng->dead)
		return dev_err_probe(parent, -ENODEV, "the copy engine is not responding\n");
	return 0;
}
