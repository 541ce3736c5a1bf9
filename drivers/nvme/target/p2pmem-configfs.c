// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the namespace attributes p2pmem, p2pmem_prefer and p2pmem_verify
 *
 * What an administrator may ask for: a boolean, whether to use peer memory of any provider
 * that suits; or the PCI address of a provider. Which of several is the best, and what a
 * path has to show before it is used. And the check, when a namespace is enabled, that a
 * provider which was named can serve its drive. None is changed while it is enabled.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/hex.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include "p2pmem-priv.h"

#define NVMET_P2PMEM_MIN_DOMAIN	4	/* hexadecimal digits */
#define NVMET_P2PMEM_MAX_DOMAIN	8
#define NVMET_P2PMEM_SHOWN	32UL	/* bytes of a wrong value in the log */

static const char * const nvmet_p2pmem_modes[] = {
	[NVMET_P2PMEM_AUTO] = "auto",
	[NVMET_P2PMEM_OFF] = "off",
	[NVMET_P2PMEM_WARN] = "warn",
	[NVMET_P2PMEM_REQUIRE] = "require",
	NULL
};

static const char * const nvmet_p2pmem_prefer_names[] = {
	[PCI_P2PMEM_NEAREST] = "nearest",
	[PCI_P2PMEM_MOST_FREE] = "most-free",
	[PCI_P2PMEM_SAME_NODE] = "same-node",
	NULL
};

struct nvmet_p2pmem_setting {
	bool any;
	bool fixed;
	u32 domain;
	u8 bus;
	u8 devfn;
};

/* Hexadecimal digits at the beginning of @s; fails when there are fewer */
static bool nvmet_p2pmem_hex(const char *s, unsigned int digits, u32 *value)
{
	for (*value = 0; digits; digits--, s++) {
		int digit = hex_to_bin(*s);

		if (digit < 0)
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

/* DDDD:BB:DD.F as lspci -D prints it; no digit more, none less */
static bool nvmet_p2pmem_parse_address(const char *s, size_t len,
				       struct nvmet_p2pmem_setting *wish)
{
	static const char tail[] = ":BB:DD.F";
	size_t digits = strcspn(s, ":");
	u32 domain, bus, slot, func;

	if (digits < NVMET_P2PMEM_MIN_DOMAIN || digits > NVMET_P2PMEM_MAX_DOMAIN ||
	    len != digits + sizeof(tail) - 1)
		return false;
	/* Wider domains have no leading zero: one device has one name. */
	if (digits > NVMET_P2PMEM_MIN_DOMAIN && *s == '0')
		return false;
	if (!nvmet_p2pmem_hex(s, digits, &domain) || domain > INT_MAX)
		return false;
	s += digits;
	if (s[3] != ':' || s[6] != '.' || !nvmet_p2pmem_hex(s + 1, 2, &bus) ||
	    !nvmet_p2pmem_hex(s + 4, 2, &slot) || !nvmet_p2pmem_hex(s + 7, 1, &func))
		return false;
	if (slot > 0x1f || func > 7)
		return false;

	wish->fixed = true;
	wish->domain = domain;
	wish->bus = bus;
	wish->devfn = PCI_DEVFN(slot, func);
	return true;
}

static bool nvmet_p2pmem_parse(const char *page, size_t count,
			       struct nvmet_p2pmem_setting *wish)
{
	size_t len = strnlen(page, count);

	memset(wish, 0, sizeof(*wish));
	if (len != count)
		return false;	/* a zero byte in it */
	if (len && page[len - 1] == '\n')
		len--;
	/* What begins with a digit, or has the marks of an address, is no word. */
	if (len != 1 && len && (isdigit(*page) || strpbrk(page, ":.")))
		return nvmet_p2pmem_parse_address(page, len, wish);
	return !kstrtobool(page, &wish->any);
}

/* Whether it is too late to change an attribute; tells so. ns->subsys->lock held */
static bool nvmet_p2pmem_busy(struct nvmet_ns *ns, const char *attr)
{
	if (ns->enabled)
		pr_err("nsid %u of %*pE is enabled: disable it before %s is changed\n", ns->nsid,
		       (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn, attr);
	return ns->enabled;
}

/* That a value was refused, and what else to write */
static void nvmet_p2pmem_malformed(struct nvmet_ns *ns, const char *attr, const char *page,
				   const char *values)
{
	pr_err("nsid %u of %*pE: \"%*pE\" is not a value of %s; write %s\n", ns->nsid,
	       (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
	       (int)min(strcspn(page, "\n"), NVMET_P2PMEM_SHOWN),
	       page, attr, values);
}

static ssize_t nvmet_ns_p2pmem_show(struct config_item *item, char *page)
{
	struct nvmet_ns *ns = to_nvmet_ns(item);
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	guard(mutex)(&ns->subsys->lock);
	if (rec && rec->fixed)
		return sysfs_emit(page, "%04x:%02x:%02x.%d\n", rec->domain, rec->bus,
				  PCI_SLOT(rec->devfn), PCI_FUNC(rec->devfn));
	return sysfs_emit(page, "%d\n", !!ns->use_p2pmem);
}

/* Whether there is a function at that address which lends; tells when not */
static int nvmet_p2pmem_check_provider(struct nvmet_ns *ns,
				       const struct nvmet_p2pmem_setting *wish)
{
	struct pci_dev *provider;
	bool lends;

	provider = pci_get_domain_bus_and_slot(wish->domain, wish->bus, wish->devfn);
	lends = provider && pci_p2pmem_is_provider(provider);
	if (!lends)
		pr_err("nsid %u of %*pE: %04x:%02x:%02x.%d %s; choose a function that has p2pmem/published 1 in sysfs, or write 1 for any\n",
		       ns->nsid, (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
		       wish->domain, wish->bus, PCI_SLOT(wish->devfn), PCI_FUNC(wish->devfn),
		       provider ? "lends no published memory" : "does not exist");
	pci_dev_put(provider);
	return lends ? 0 : -ENODEV;
}

static ssize_t nvmet_ns_p2pmem_store(struct config_item *item, const char *page,
				     size_t count)
{
	struct nvmet_ns *ns = to_nvmet_ns(item);
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);
	struct nvmet_p2pmem_setting wish;
	int ret;

	if (!rec)
		return -ENODEV;

	guard(mutex)(&ns->subsys->lock);
	if (nvmet_p2pmem_busy(ns, "p2pmem"))
		return -EBUSY;
	if (!nvmet_p2pmem_parse(page, count, &wish)) {
		nvmet_p2pmem_malformed(ns, "p2pmem", page,
				       "a boolean such as 0 or 1, or a full PCI address such as 0000:03:00.0");
		return -EINVAL;
	}
	if (wish.fixed) {
		ret = nvmet_p2pmem_check_provider(ns, &wish);
		if (ret)
			return ret;
	}

	ns->use_p2pmem = wish.any || wish.fixed;
	rec->fixed = wish.fixed;
	rec->domain = wish.domain;
	rec->bus = wish.bus;
	rec->devfn = wish.devfn;
	return count;
}

/* Not CONFIGFS_ATTR(): the table of attributes is in another file. */
struct configfs_attribute nvmet_ns_attr_p2pmem = {
	.ca_name = "p2pmem",
	.ca_mode = 0644,
	.ca_owner = THIS_MODULE,
	.show = nvmet_ns_p2pmem_show,
	.store = nvmet_ns_p2pmem_store,
};

/**
 * struct nvmet_p2pmem_choice - an attribute that is one of a few words
 * @attr: its name
 * @words: what may be written, with or without a newline; ends in NULL
 * @values: the same in words for the log
 * @member: where the index of the word is in the record, an enum
 */
struct nvmet_p2pmem_choice {
	const char *attr;
	const char * const *words;
	const char *values;
	size_t member;
};

static const struct nvmet_p2pmem_choice nvmet_p2pmem_prefer = {
	.attr = "p2pmem_prefer",
	.words = nvmet_p2pmem_prefer_names,
	.values = "nearest, most-free or same-node",
	.member = offsetof(struct nvmet_p2pmem_ns, prefer),
};

static const struct nvmet_p2pmem_choice nvmet_p2pmem_verify = {
	.attr = "p2pmem_verify",
	.words = nvmet_p2pmem_modes,
	.values = "auto, off, warn or require",
	.member = offsetof(struct nvmet_p2pmem_ns, verify),
};

static ssize_t nvmet_p2pmem_show_choice(struct config_item *item, char *page,
					const struct nvmet_p2pmem_choice *c)
{
	struct nvmet_ns *ns = to_nvmet_ns(item);
	void *rec = nvmet_p2pmem_record(ns);

	if (!rec)
		return -ENODEV;
	guard(mutex)(&ns->subsys->lock);
	return sysfs_emit(page, "%s\n", c->words[*(unsigned int *)(rec + c->member)]);
}

static ssize_t nvmet_p2pmem_store_choice(struct config_item *item, const char *page,
					 size_t count, const struct nvmet_p2pmem_choice *c)
{
	struct nvmet_ns *ns = to_nvmet_ns(item);
	void *rec = nvmet_p2pmem_record(ns);
	int word = -EINVAL;

	if (!rec)
		return -ENODEV;
	guard(mutex)(&ns->subsys->lock);
	if (nvmet_p2pmem_busy(ns, c->attr))
		return -EBUSY;
	if (strnlen(page, count) == count)
		word = __sysfs_match_string(c->words, -1, page);
	if (word < 0) {
		nvmet_p2pmem_malformed(ns, c->attr, page, c->values);
		return -EINVAL;
	}
	*(unsigned int *)(rec + c->member) = word;
	return count;
}

#define NVMET_P2PMEM_CHOICE(_name)						\
static ssize_t nvmet_ns_p2pmem_##_name##_show(struct config_item *item, char *page) \
{										\
	return nvmet_p2pmem_show_choice(item, page, &nvmet_p2pmem_##_name);	\
}										\
										\
static ssize_t nvmet_ns_p2pmem_##_name##_store(struct config_item *item,	\
					       const char *page, size_t count)	\
{										\
	return nvmet_p2pmem_store_choice(item, page, count, &nvmet_p2pmem_##_name); \
}										\
										\
struct configfs_attribute nvmet_ns_attr_p2pmem_##_name = {			\
	.ca_name = "p2pmem_" #_name,						\
	.ca_mode = 0644,							\
	.ca_owner = THIS_MODULE,						\
	.show = nvmet_ns_p2pmem_##_name##_show,					\
	.store = nvmet_ns_p2pmem_##_name##_store,				\
}

NVMET_P2PMEM_CHOICE(prefer);
NVMET_P2PMEM_CHOICE(verify);

/* Whether the provider that was named can serve the drive; tells why not */
static int nvmet_p2pmem_check_drive(struct nvmet_ns *ns, struct nvmet_p2pmem_ns *rec)
{
	struct pci_p2pmem_verdict why = { .distance = -1 };
	char *text;
	struct device *drive = NULL;
	struct pci_dev *provider;
	int ret = 0;

	provider = nvmet_p2pmem_fixed_provider(rec, &why);
	if (!provider || !pci_p2pmem_is_provider(provider)) {
		why.reason = PCI_P2PMEM_NOT_A_PROVIDER;
		ret = -ENODEV;
		goto out;
	}
	drive = nvmet_p2pmem_drive(ns, &why.reason);
	if (!drive) {
		ret = -EOPNOTSUPP;
		goto out;
	}
	/* Its ACS words may have been written to make it possible. */
	pci_p2pmem_verdict_update(provider, drive, &why);
	if (why.reason)
		ret = pci_p2pmem_distance(provider, &drive, 1);
	/* What a self-test found holds until something changes: system memory till then. */
	if (why.reason == PCI_P2PMEM_VERIFY_FAILED)
		ret = 0;
out:
	if (ret < 0) {
		text = nvmet_p2pmem_explain(provider, drive ?: nvmet_ns_dev(ns), &why);
		pr_err("nsid %u of %*pE: %s\n", ns->nsid,
		       (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
		       text ?: "no memory to say why");
		kfree(text);
	}
	put_device(drive);
	pci_dev_put(provider);
	return min(ret, 0);
}

/**
 * nvmet_p2pmem_enable() - a namespace is being enabled
 * @ns: namespace whose drive or file is open
 *
 * A provider that the administrator named must be able to serve the drive. With
 * "any provider" there is nothing to refuse: one that suits may come later, and
 * until then each controller that is attached tells and counts why. The same goes for a
 * path that only a self-test has refused.
 *
 * Context: Process context, ns->subsys->lock held.
 * Return: 0; for a provider that was named: -EINVAL for a namespace that is
 * backed by a file, -ENODEV when it lends nothing any more, -EXDEV when it cannot
 * reach the drive, -EOPNOTSUPP when the drive's driver is no client.
 */
int nvmet_p2pmem_enable(struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	lockdep_assert_held(&ns->subsys->lock);

	if (!rec || !ns->use_p2pmem)
		return 0;
	clear_bit(0, &rec->warned);
	if (!rec->fixed)
		return 0;
	if (!ns->bdev) {
		pr_err("nsid %u of %*pE is backed by a file and cannot use a named provider of peer-to-peer memory; export a block device, or write 0 to p2pmem\n",
		       ns->nsid, (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn);
		return -EINVAL;
	}
	return nvmet_p2pmem_check_drive(ns, rec);
}
