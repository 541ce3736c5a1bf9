// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the p2pmem group of a providing function in sysfs
 *
 * Floor 9.
 *
 * The read-only files have the names and meaning of the kernel's P2PDMA, so that existing
 * tools work; the writable files are additions. See
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

/* A client keeps its memory in use, even if that exceeds the new quota. */
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
		dev_err(dev, "invalid quota \"%*pE\", expected bytes in decimal, a multiple of %lu, or 0 for no limit\n",
			min_t(int, strcspn(buf, "\n"), 32), buf, PAGE_SIZE);
		return ret;
	}
	guard(rcu)();
	p = p2pmem_find(to_pci_dev(dev));
	if (!p)
		return -ENODEV;
	WRITE_ONCE(p->quota, quota);
	p2pmem_note_change();
	if (quota)
		dev_info(dev, "limited each client to %lu bytes of peer-to-peer memory\n",
			 quota);
	else
		dev_info(dev, "removed the limit of peer-to-peer memory per client\n");
	return count;
}
static DEVICE_ATTR_RW(quota);

/*
 * For changes that are not notified, such as ACS registers that setpci wrote, and for an
 * administrator who wants pairs tested again: all self-test results are dropped, disproofs
 * too. The reference keeps the provider, and this file keeps its function: the file is
 * removed before the driver is unbound.
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
	p2pmem_disproofs_of(p->address);
	WRITE_ONCE(p->silent, false);
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
 * p2pmem_sysfs_init() - set the sysfs group of new providers
 *
 * Context: Module init.
 */
void p2pmem_sysfs_init(void)
{
	p2pmem_group = &p2pmem_sysfs_group;
}
