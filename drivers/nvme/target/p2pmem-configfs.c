// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: the namespace attributes p2pmem, p2pmem_prefer and p2pmem_verify
 *
 * Floor 5.
 *
 * p2pmem is a boolean that enables peer memory of any suitable provider, or the PCI address of
 * a provider. p2pmem_prefer selects between several providers. p2pmem_verify sets which result
 * of the self-test a path needs before it is used. Enabling a namespace checks that a named
 * provider can serve the drive. No attribute can be changed while the namespace is enabled.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ctype.h>
#include <linux/hex.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include "p2pmem-priv.h"

#define NVMET_P2PMEM_MIN_DOMAIN	4	/* hexadecimal digits */
#define NVMET_P2PMEM_MAX_DOMAIN	8
#define NVMET_P2PMEM_SHOWN	32UL	/* bytes of an invalid value in the log */

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

/* Parse @digits hexadecimal digits at the beginning of @s; fail if there are fewer */
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

/* Parse DDDD:BB:DD.F, with exactly the digits that lspci -D prints */
static bool nvmet_p2pmem_parse_address(const char *s, size_t len,
				       struct nvmet_p2pmem_setting *set)
{
	static const char tail[] = ":BB:DD.F";
	size_t digits = strcspn(s, ":");
	u32 domain, bus, slot, func;

	if (digits < NVMET_P2PMEM_MIN_DOMAIN || digits > NVMET_P2PMEM_MAX_DOMAIN ||
	    len != digits + sizeof(tail) - 1)
		return false;
	/* Refuse leading zeros of a wider domain: each device has one name. */
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

	set->fixed = true;
	set->domain = domain;
	set->bus = bus;
	set->devfn = PCI_DEVFN(slot, func);
	return true;
}

static bool nvmet_p2pmem_parse(const char *page, size_t count,
			       struct nvmet_p2pmem_setting *set)
{
	size_t len = strnlen(page, count);

	memset(set, 0, sizeof(*set));
	if (len != count)
		return false;	/* the value contains a zero byte */
	if (len && page[len - 1] == '\n')
		len--;
	/* kstrtobool() checks the first bytes only and would accept "1:00.0". */
	if (len != 1 && len && (isdigit(*page) || strpbrk(page, ":.")))
		return nvmet_p2pmem_parse_address(page, len, set);
	return !kstrtobool(page, &set->any);
}

/* Return true if the namespace is enabled, and log that @attr cannot be changed now */
static bool nvmet_p2pmem_busy(struct nvmet_ns *ns, const char *attr)
{
	if (ns->enabled)
		pr_err("nsid %u of %*pE: cannot change %s of an enabled namespace; disable the namespace first\n",
		       ns->nsid, (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn, attr);
	return ns->enabled;
}

/* Log that a value is invalid, and which values are valid */
static void nvmet_p2pmem_malformed(struct nvmet_ns *ns, const char *attr, const char *page,
				   const char *values)
{
	pr_err("nsid %u of %*pE: invalid %s '%*pE', expected %s\n", ns->nsid,
	       (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
	       attr, (int)min(strcspn(page, "\n"), NVMET_P2PMEM_SHOWN), page, values);
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

/* Check that the function at that address lends published memory; log if it does not */
static int nvmet_p2pmem_check_provider(struct nvmet_ns *ns,
				       const struct nvmet_p2pmem_setting *set)
{
	struct pci_dev *provider;
	bool lends;

	provider = pci_get_domain_bus_and_slot(set->domain, set->bus, set->devfn);
	lends = provider && pci_p2pmem_is_provider(provider);
	if (!lends)
		pr_err("nsid %u of %*pE: %04x:%02x:%02x.%d %s; choose a function that has p2pmem/published 1 in sysfs, or write 1 for any\n",
		       ns->nsid, (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
		       set->domain, set->bus, PCI_SLOT(set->devfn), PCI_FUNC(set->devfn),
		       provider ? "lends no published memory" : "does not exist");
	pci_dev_put(provider);
	return lends ? 0 : -ENODEV;
}

static ssize_t nvmet_ns_p2pmem_store(struct config_item *item, const char *page,
				     size_t count)
{
	struct nvmet_ns *ns = to_nvmet_ns(item);
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);
	struct nvmet_p2pmem_setting set;
	int ret;

	if (!rec)
		return -ENODEV;

	guard(mutex)(&ns->subsys->lock);
	if (nvmet_p2pmem_busy(ns, "p2pmem"))
		return -EBUSY;
	if (!nvmet_p2pmem_parse(page, count, &set)) {
		nvmet_p2pmem_malformed(ns, "p2pmem", page,
				       "a boolean such as 0 or 1, or a full PCI address such as 0000:03:00.0");
		return -EINVAL;
	}
	if (set.fixed) {
		ret = nvmet_p2pmem_check_provider(ns, &set);
		if (ret)
			return ret;
	}

	ns->use_p2pmem = set.any || set.fixed;
	nvmet_p2pmem_forget_provider(rec);
	rec->fixed = set.fixed;
	rec->domain = set.domain;
	rec->bus = set.bus;
	rec->devfn = set.devfn;
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
 * struct nvmet_p2pmem_choice - an attribute whose value is one of a list of words
 * @attr: name of the attribute
 * @words: valid words, ends with NULL; a newline may follow the word
 * @values: list of the words for the log
 * @member: offset of the enum in the record that holds the index of the word
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

/* Check that the named provider can serve the drive; log the reason if it cannot */
static int nvmet_p2pmem_check_drive(struct nvmet_ns *ns, struct nvmet_p2pmem_ns *rec)
{
	struct pci_p2pmem_verdict why = { .distance = -1 };
	char *text;
	struct device *drive = NULL;
	struct pci_dev *provider;
	int ret = 0;

	provider = nvmet_p2pmem_fixed_provider(rec, ktime_get(), &why);
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
	/* The administrator may have changed ACS since the last evaluation. */
	ret = pci_p2pmem_verdict(provider, drive, KTIME_MAX, &why);
	/* Accept a failed self-test: system memory is used until the test is repeated. */
	if (why.reason == PCI_P2PMEM_VERIFY_FAILED)
		ret = 0;
out:
	if (ret < 0) {
		text = nvmet_p2pmem_explain(provider, drive ?: nvmet_p2pmem_ns_device(rec), &why);
		pr_err("nsid %u of %*pE: %s\n", ns->nsid,
		       (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn,
		       text ?: "no memory to format the reason");
		kfree(text);
	}
	put_device(drive);
	pci_dev_put(provider);
	return min(ret, 0);
}

/**
 * nvmet_p2pmem_enable() - check the provider of a namespace that is being enabled
 * @ns: namespace whose drive or file is open
 *
 * A provider that the administrator named must be able to serve the drive. "Any provider"
 * is never refused: a suitable provider may appear later; until then requests use system
 * memory, and each controller logs the reason. A failed self-test is not refused either.
 *
 * Context: Process context, ns->subsys->lock held.
 * Return: 0, or for a named provider: -EINVAL if the namespace is backed by a file, -ENODEV if
 * the provider no longer lends published memory, -EXDEV if there is no path between provider
 * and drive, -EOPNOTSUPP if the drive's driver is no client.
 */
int nvmet_p2pmem_enable(struct nvmet_ns *ns)
{
	struct nvmet_p2pmem_ns *rec = nvmet_p2pmem_record(ns);

	lockdep_assert_held(&ns->subsys->lock);

	if (!rec || !ns->use_p2pmem)
		return 0;
	/* All controllers are attached next; this time has common pairs evaluated only once. */
	rec->enabled = ktime_get();
	clear_bit(0, &rec->warned);
	nvmet_p2pmem_find_function(rec);
	if (!rec->fixed)
		return 0;
	if (!ns->bdev) {
		pr_err("nsid %u of %*pE is backed by a file and cannot use a named provider of peer-to-peer memory; export a block device, or write 0 to p2pmem\n",
		       ns->nsid, (int)strlen(ns->subsys->subsysnqn), ns->subsys->subsysnqn);
		return -EINVAL;
	}
	return nvmet_p2pmem_check_drive(ns, rec);
}
