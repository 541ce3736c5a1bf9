/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: functions of p2pmem-engine for other drivers
 */
#ifndef _P2PMEM_SAMPLES_ENGINE_H
#define _P2PMEM_SAMPLES_ENGINE_H

#include <linux/dma-direction.h>

#define ENGINE_BYTES	2048	/* of 4096: QEMU exits if a transfer includes the last byte */

struct device;
struct scatterlist;

int p2pmem_engine_move(struct device *dev, struct scatterlist *sgl, unsigned int nents,
		       enum dma_data_direction dir);

#endif
