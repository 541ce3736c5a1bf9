// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the p2pmem group of a providing function in sysfs
 *
 * Floor 9.
 *
 * Names and meaning of what can be read are those of the kernel's P2PDMA, so that tools
 * find what they know; what can be written is ours. See
 * Documentation/ABI/testing/sysfs-bus-pci-p2pmem.
 */
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include "p2pdma.h"

static ssize_t p2pmem_show(struct device *dev, char *buf,
			   size_t (*value)(struct p2pmem_provider *p))
{
	struct p2pmem_provider *p;
	size_t v = 0;

	scoped_guard(rcu) {
		p = p2pmem_find(to_pci_dev(dev));
		if (p)
			v = value(p);
	}
	return sysfs_emit(buf, "%zu\n", v);
}

static size_t p2pmem_size_value(struct p2pmem_provider *p)
{
	return p2pmem_pool_size(p->pool);
}

static size_t p2pmem_available_value(struct p2pmem_provider *p)
{
	return p2pmem_pool_available(p->pool);
}

static size_t p2pmem_published_value(struct p2pmem_provider *p)
{
	return p2pmem_is_published(p);
}

static ssize_t size_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return p2pmem_show(dev, buf, p2pmem_size_value);
}
static DEVICE_ATTR_RO(size);

static ssize_t available_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return p2pmem_show(dev, buf, p2pmem_available_value);
}
static DEVICE_ATTR_RO(available);

static ssize_t published_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	return p2pmem_show(dev, buf, p2pmem_published_value);
}
static DEVICE_ATTR_RO(published);

static size_t p2pmem_quota_value(struct p2pmem_provider *p)
{
	return READ_ONCE(p->quota);
}

static ssize_t quota_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return p2pmem_show(dev, buf, p2pmem_quota_value);
}

/* What a client has already, it keeps: with less than that it gets no more. */
static ssize_t quota_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct p2pmem_provider *p;
	unsigned long quota;
	int ret;

	ret = kstrtoul(buf, 10, &quota);
	if (!ret && !PAGE_ALIGNED(quota))
		ret = -EINVAL;
	if (ret) {
		dev_err(dev, "\"%*pE\" is no quota of peer-to-peer memory: write bytes in decimal, a multiple of %lu, or 0 for none\n",
			min_t(int, strcspn(buf, "\n"), 32), buf, PAGE_SIZE);
		return ret;
	}
	guard(rcu)();
	p = p2pmem_find(to_pci_dev(dev));
	if (!p)
		return -ENODEV;
	WRITE_ONCE(p->quota, quota);
	if (quota)
		dev_info(dev, "lends a client at most %lu bytes of peer-to-peer memory\n",
			 quota);
	else
		dev_info(dev, "lends a client as much peer-to-peer memory as there is\n");
	return count;
}
static DEVICE_ATTR_RW(quota);

/*
 * For what nobody tells: ACS words that setpci wrote. And for an administrator who wants
 * pairs tested again: what self-tests have shown is forgotten, wrong data too. The
 * provider is kept by its reference, its function by this file, which is taken away before
 * the driver is gone.
 */
static ssize_t rescan_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct p2pmem_provider *p;
	unsigned int pairs, changed;
	int val;

	if (kstrtoint(buf, 0, &val) || val != 1)
		return -EINVAL;
	p = p2pmem_provider_get(to_pci_dev(dev));
	if (!p)
		return -ENODEV;
	changed = p2pmem_pairs_update(p, NULL, P2PMEM_FORGET_ALL, &pairs);
	pci_info(p->pdev, "re-evaluated %u peer-to-peer pairs, %u changed\n", pairs, changed);
	p2pmem_provider_put(p);
	p2pmem_notify(PCI_P2PMEM_EVENT_VERDICT, NULL);
	return count;
}
static DEVICE_ATTR_WO(rescan);

static struct attribute *p2pmem_attrs[] = {
	&dev_attr_size.attr,
	&dev_attr_available.attr,
	&dev_attr_published.attr,
	&dev_attr_quota.attr,
	&dev_attr_rescan.attr,
	NULL,
};

static const struct attribute_group p2pmem_sysfs_group = {
	.name = "p2pmem",
	.attrs = p2pmem_attrs,
};

/**
 * p2pmem_sysfs_init() - from now on providers have the group
 *
 * Context: Module init.
 */
void p2pmem_sysfs_init(void)
{
	p2pmem_group = &p2pmem_sysfs_group;
}
