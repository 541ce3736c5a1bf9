// SPDX-License-Identifier: GPL-2.0-only
/**
 * DOC: p2pmem-bar, the driver that registers a BAR of any function
 *
 * The driver is loaded by name and bound by driver_override, and its parameters are
 * set through sysfs, as an administrator does. On
 *
 *	host - rp -+- card	BAR 0: 1 MiB, BAR 2: 8 MiB, BAR 4: 4 MiB
 *		   +- bare	no BAR at all
 *		   `- next	BAR 2: 4 MiB
 */
#include <linux/ioport.h>
#include <linux/kernfs.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pm.h>
#include <linux/sizes.h>

#include "fault.h"
#include "lendkit.h"

static const struct fabric_node bar_nodes[] = {
	{ .name = "host", .type = FABRIC_HOST },
	{ .name = "rp", .type = FABRIC_ROOT_PORT, .parent = "host" },
	{ .name = "card", .type = FABRIC_ENDPOINT, .parent = "rp",
	  .bar = { [0] = { .size = SZ_1M, .flags = FABRIC_BAR_64 },
		   [2] = { .size = SZ_8M, .flags = FABRIC_BAR_64 },
		   [4] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ .name = "bare", .type = FABRIC_ENDPOINT, .parent = "rp", .fn = 1 },
	{ .name = "next", .type = FABRIC_ENDPOINT, .parent = "rp", .fn = 2,
	  .bar = { [2] = { .size = SZ_4M, .flags = FABRIC_BAR_64 } } },
	{ }
};

/**
 * struct bar_kit - a function for the driver
 * @f: the hierarchy
 * @card: the function
 * @drv: the driver
 */
struct bar_kit {
	struct fabric *f;
	struct pci_dev *card;
	struct pci_driver *drv;
};

static struct pci_driver *bar_driver(struct kunit *test)
{
	struct device_driver *drv = driver_find("p2pmem-bar", &pci_bus_type);

	if (!drv) {
		request_module("p2pmem-bar");
		drv = driver_find("p2pmem-bar", &pci_bus_type);
	}
	if (!drv)
		kunit_skip(test, "p2pmem-bar cannot be loaded: is it built and installed?");
	return to_pci_driver(drv);
}

#ifdef CONFIG_MODULES
static const struct kernel_param *bar_param(struct pci_driver *drv, const char *name)
{
	struct module *mod = drv->driver.owner;
	unsigned int i;

	for (i = 0; mod && i < mod->num_kp; i++)
		if (!strcmp(mod->kp[i].name, name))
			return &mod->kp[i];
	return NULL;
}
#else
static const struct kernel_param *bar_param(struct pci_driver *drv, const char *name)
{
	return NULL;
}
#endif

static int bar_set(struct kunit *test, struct pci_driver *drv, const char *name, const char *value)
{
	const struct kernel_param *kp = bar_param(drv, name);
	int ret;

	if (!kp)
		kunit_skip(test, "its parameters are not accessible: p2pmem-bar is built in");
	kernel_param_lock(kp->mod);
	ret = kp->ops->set(value, kp);
	kernel_param_unlock(kp->mod);
	return ret;
}

static void bar_expect(struct kunit *test, struct pci_driver *drv, const char *name,
		       const char *value)
{
	char *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	const struct kernel_param *kp = bar_param(drv, name);

	KUNIT_ASSERT_NOT_NULL(test, page);
	kernel_param_lock(kp->mod);
	kp->ops->get(page, kp);
	kernel_param_unlock(kp->mod);
	KUNIT_EXPECT_STREQ_MSG(test, strim(page), value, "%s", name);
}

static void bar_defaults_action(void *arg)
{
	static const char * const defaults[][2] = {
		{ "bar", "-1" }, { "offset", "0" }, { "size", "0" }, { "kind", "pool" },
	};
	const struct kernel_param *kp;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(defaults); i++) {
		kp = bar_param(arg, defaults[i][0]);
		if (kp)
			kp->ops->set(defaults[i][1], kp);
	}
}

/* Use the file with this name, because the kernel's field for it may change. */
static void bar_override(struct kunit *test, struct device *dev, const char *name)
{
	struct kernfs_node *kn = kernfs_find_and_get(dev->kobj.sd, "driver_override");
	struct device_attribute *attr;

	KUNIT_ASSERT_NOT_NULL(test, kn);
	attr = container_of((struct attribute *)kn->priv, struct device_attribute, attr);
	kernfs_put(kn);
	KUNIT_ASSERT_EQ(test, attr->store(dev, attr, name, strlen(name)), strlen(name));
}

static struct bar_kit *bar_kit(struct kunit *test, const char *name)
{
	struct bar_kit *k = kunit_kzalloc(test, sizeof(*k), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, k);
	k->drv = bar_driver(test);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, bar_defaults_action, k->drv));
	k->f = fabric_build(test, bar_nodes);
	k->card = fabric_pdev(k->f, name);
	fabric_unbind(k->f, name);
	bar_override(test, &k->card->dev, "p2pmem-bar");
	return k;
}

static bool bar_bind(struct bar_kit *k)
{
	return device_attach(&k->card->dev) == 1 && k->card->dev.driver == &k->drv->driver;
}

static int bar_state(struct bar_kit *k)
{
	return kit_provider(k->card)->state;
}

static void largest_bar_is_lent(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	int i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_TRUE(test, bar_bind(k));
		KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(k->card, 2, SZ_8M, 0));
		KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_provider(k->card));
		KUNIT_EXPECT_TRUE(test, pci_is_enabled(k->card));
		KUNIT_EXPECT_NULL_MSG(test, request_mem_region(pci_resource_start(k->card, 2),
							       SZ_8M, "suite"),
				      "its BAR is not claimed");
		lend_free(test, lend_alloc(test, k->card, SZ_8M));
		device_release_driver(&k->card->dev);
		KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
		KUNIT_EXPECT_FALSE(test, pci_is_enabled(k->card));
	}
}

static void parameters_show_the_range(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");

	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "bar", "4"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "offset", "2M"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "size", "2048k\n"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "kind", "driver\n"));
	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(k->card, 4, SZ_2M, SZ_2M));
	KUNIT_EXPECT_EQ(test, lend_size(k->card), 0);
	KUNIT_EXPECT_NOT_NULL(test, pci_p2pmem_region_addr(k->card, 4, SZ_2M));
	device_release_driver(&k->card->dev);

	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "bar", "0"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "offset", "0x1000"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "size", "8"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "kind", "registers"));
	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_is_lent(k->card, 0, 8, SZ_4K));
}

/**
 * struct bar_value - a value of a parameter
 * @param: the parameter
 * @value: value to write
 * @shown: value read afterwards; NULL if the write is refused
 */
struct bar_value {
	const char *param;
	const char *value;
	const char *shown;
};

static const struct bar_value bar_values[] = {
	{ "bar", "0", "0" }, { "bar", "5", "5" }, { "bar", "-1", "-1" }, { "bar", "0x2\n", "2" },
	{ "bar", "" }, { "bar", "\n" }, { "bar", "6" }, { "bar", "-2" }, { "bar", "2 " },
	{ "bar", "two" }, { "bar", "2M" }, { "bar", "4294967296" }, { "bar", "1,2" },
	{ "size", "0", "0" }, { "size", "1", "1" }, { "size", "1K", "1024" },
	{ "size", "1k", "1024" }, { "size", "3M", "3145728" }, { "size", "2g\n", "2147483648" },
	{ "size", "0x10K", "16384" }, { "size", "010", "8" },
	{ "size", "18446744073709551615", "18446744073709551615" },
	{ "size", "18014398509481983K", "18446744073709550592" },
	{ "size", "" }, { "size", "\n" }, { "size", "K" }, { "size", "M\n" }, { "size", "-1" },
	{ "size", "+1" }, { "size", " 1" }, { "size", "1 " }, { "size", "1 K" }, { "size", "1T" },
	{ "size", "1KK" }, { "size", "1KB" }, { "size", "1.5M" }, { "size", "0x" },
	{ "size", "abc" }, { "size", "18446744073709551616" }, { "size", "18014398509481984K" },
	{ "size", "17179869184G" }, { "size", "000000000000000000000001" },
	{ "size", "11111111111111111111111111111111111111111111111111111111111111" },
	{ "offset", "4M", "4194304" }, { "offset", "-4M" }, { "offset", "4Mi" },
	{ "kind", "pool", "pool" }, { "kind", "driver\n", "driver" },
	{ "kind", "registers", "registers" }, { "kind", "" }, { "kind", "Pool" },
	{ "kind", "pool " }, { "kind", "poo" }, { "kind", "pools" }, { "kind", "0" },
};

/* A refused value changes nothing */
static void parameters_are_checked(struct kunit *test)
{
	struct pci_driver *drv = bar_driver(test);
	const struct bar_value *v;
	const char *was;
	int i;

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, bar_defaults_action, drv));
	for (i = 0; i < ARRAY_SIZE(bar_values); i++) {
		v = &bar_values[i];
		was = !strcmp(v->param, "kind") ? "driver" : "3";
		KUNIT_ASSERT_EQ(test, 0, bar_set(test, drv, v->param, was));
		KUNIT_EXPECT_EQ_MSG(test, bar_set(test, drv, v->param, v->value),
				    v->shown ? 0 : -EINVAL, "%s=%s", v->param, v->value);
		bar_expect(test, drv, v->param, v->shown ?: was);
	}
}

static void function_without_usable_range_is_not_bound(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	resource_size_t start = pci_resource_start(k->card, 2);

	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "bar", "3"));
	KUNIT_EXPECT_FALSE_MSG(test, bar_bind(k), "a BAR that does not exist");
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "bar", "0"));
	KUNIT_EXPECT_FALSE_MSG(test, bar_bind(k), "too small for pages");
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "bar", "-1"));
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "offset", "8M"));
	KUNIT_EXPECT_FALSE_MSG(test, bar_bind(k), "beyond the end");
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "offset", "0"));
	KUNIT_ASSERT_NOT_NULL(test, request_mem_region(start, SZ_8M, "suite"));
	KUNIT_EXPECT_FALSE_MSG(test, bar_bind(k), "claimed by another driver");
	release_mem_region(start, SZ_8M);
	KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
	KUNIT_EXPECT_FALSE(test, pci_is_enabled(k->card));
	KUNIT_EXPECT_TRUE_MSG(test, bar_bind(k), "after refusals, a valid range");
}

static void function_without_bar_is_not_bound(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "bare");

	KUNIT_EXPECT_FALSE(test, bar_bind(k));
	KUNIT_EXPECT_EQ(test, k->drv->probe(k->card, NULL), -EINVAL);
	KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
}

/* A device that is there and does not decode its BARs drops what is written to the memory. */
static void memory_that_is_disabled_stays_lost(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	const struct pci_error_handlers *err = k->drv->err_handler;
	u16 command;

	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	pci_read_config_word(k->card, PCI_COMMAND, &command);
	err->reset_prepare(k->card);
	pci_write_config_word(k->card, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
	err->reset_done(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	pci_write_config_word(k->card, PCI_COMMAND, command);
	err->reset_done(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LIVE);
}

static void reset_revokes_and_resumes(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	const struct pci_error_handlers *err = k->drv->err_handler;

	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	err->reset_prepare(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	/* as the PCI core leaves it when it has restored it */
	k->card->state_saved = false;
	err->reset_done(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LIVE);
	KUNIT_EXPECT_TRUE_MSG(test, k->card->state_saved,
			      "the next recovery has nothing to restore");

	KUNIT_EXPECT_TRUE(test, err->error_detected(k->card, pci_channel_io_frozen) ==
			  PCI_ERS_RESULT_NEED_RESET);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	KUNIT_EXPECT_TRUE(test, err->slot_reset(k->card) == PCI_ERS_RESULT_RECOVERED);
	err->resume(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LIVE);

	KUNIT_EXPECT_TRUE(test, err->error_detected(k->card, pci_channel_io_perm_failure) ==
			  PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	fabric_kill(k->f, "card");
	KUNIT_EXPECT_TRUE(test, err->slot_reset(k->card) == PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	/* called whether the reset succeeded or not */
	err->reset_done(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	/* by a driver that does not look */
	pci_p2pmem_resume(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
}

static void bar_release(void *k)
{
	device_release_driver(&((struct bar_kit *)k)->card->dev);
}

/*
 * Both cards are pulled with memory of "card" in use. Its removal waits for that memory, but
 * nobody maps the memory of either card any more.
 */
static void pulled_card_is_lost_before_the_wait(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	struct device *nic = kit_client(test, k->f, "bare");
	struct pci_dev *next = kit_lend(test, k->f, "next");
	struct pci_p2pmem_verdict why;
	struct pci_p2pmem_grant *g;
	struct scatterlist *sgl;
	unsigned int nents;
	struct lend_task *t;
	unsigned long end;

	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	g = pci_p2pmem_grant_create(k->card, &nic, 1, KTIME_MAX, NULL, NULL, "kunit",
				    &why);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, g);
	sgl = pci_p2pmem_grant_sgl_alloc(g, &nents, SZ_16K, GFP_KERNEL, NULL);
	pci_p2pmem_grant_end(g);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, sgl);
	KUNIT_EXPECT_FALSE(test, pci_p2pmem_sgl_lost(sgl));

	/* as a hotplug controller does before it unbinds the first driver */
	fabric_kill(k->f, "card");
	fabric_kill(k->f, "next");
	k->card->error_state = pci_channel_io_perm_failure;
	next->error_state = pci_channel_io_perm_failure;
	end = jiffies + HZ;
	t = lend_start(test, bar_release, k);
	while (!pci_p2pmem_sgl_lost(sgl) && time_before(jiffies, end))
		usleep_range(1000, 2000);
	KUNIT_EXPECT_TRUE(test, pci_p2pmem_sgl_lost(sgl));
	KUNIT_EXPECT_EQ(test, pci_p2pmem_map_sg(nic, sgl, nents, DMA_TO_DEVICE), -ENODEV);
	KUNIT_EXPECT_TRUE(test, lend_wait(kit_provider(next)->state == P2PMEM_LOST));
	KUNIT_EXPECT_FALSE_MSG(test, lend_is_over(t), "it did not wait");
	pci_p2pmem_sgl_free(sgl);
	lend_join(test, t);
	KUNIT_EXPECT_TRUE(test, lend_is_removed(k->card));
}

static void suspend_and_shutdown_revoke(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	const struct dev_pm_ops *pm = k->drv->driver.pm;

	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	if (pm && pm->suspend) {
		KUNIT_EXPECT_EQ(test, 0, pm->suspend(&k->card->dev));
		KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
		KUNIT_EXPECT_EQ(test, 0, pm->resume(&k->card->dev));
		KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LIVE);
	}
	k->drv->shutdown(k->card);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
}

/* Waits for memory that is being freed, not a minute for devices that are stopped already */
static void bar_expect_no_wait(struct kunit *test, struct bar_kit *k,
			       void (*stop)(struct pci_dev *pdev))
{
	struct lend_hold *hold = lend_alloc(test, k->card, SZ_64K);
	u32 epoch = kit_provider(k->card)->epoch;
	unsigned long start = jiffies;

	stop(k->card);
	KUNIT_EXPECT_LT(test, jiffies_to_msecs(jiffies - start), 10 * MSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, bar_state(k), P2PMEM_LOST);
	KUNIT_EXPECT_EQ(test, kit_provider(k->card)->epoch, epoch + 1);
	k->drv->err_handler->reset_done(k->card);
	KUNIT_EXPECT_EQ_MSG(test, bar_state(k), P2PMEM_LOST, "live with old data");
	lend_free(test, hold);
	KUNIT_EXPECT_TRUE(test, lend_wait(pci_p2pmem_is_provider(k->card)));
	lend_free(test, lend_alloc(test, k->card, SZ_8M));
}

static void memory_in_use_does_not_delay_reset_and_shutdown(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");

	KUNIT_ASSERT_TRUE(test, bar_bind(k));
	bar_expect_no_wait(test, k, k->drv->err_handler->reset_prepare);
	bar_expect_no_wait(test, k, k->drv->shutdown);
}

/* Use registers, because the kernel's memory hotplug warns without memory */
static void binding_without_memory_leaves_nothing(struct kunit *test)
{
	struct bar_kit *k = bar_kit(test, "card");
	unsigned int n, refused = 0;
	bool reached = true;
	int ret;

	fault_require(test);
	KUNIT_EXPECT_EQ(test, 0, bar_set(test, k->drv, "kind", "registers"));
	for (n = 1; reached && n < FAULT_STEPS; n++) {
		KUNIT_ASSERT_NOT_NULL(test, devres_open_group(&k->card->dev, k, GFP_KERNEL));
		fault_arm(n);
		ret = k->drv->probe(k->card, NULL);
		reached = fault_disarm();
		if (ret) {
			/* The kernel reports a region as busy if it has no memory for its name. */
			KUNIT_EXPECT_TRUE_MSG(test, ret == -ENOMEM || ret == -EBUSY,
					      "allocation %u: %d", n, ret);
			refused++;
		}
		devres_release_group(&k->card->dev, k);
		KUNIT_EXPECT_TRUE_MSG(test, lend_is_removed(k->card), "allocation %u", n);
		KUNIT_EXPECT_FALSE(test, pci_is_enabled(k->card));
	}
	KUNIT_EXPECT_GE(test, refused, 4);
	KUNIT_EXPECT_EQ_MSG(test, ret, 0, "refused without a fault");
	KUNIT_EXPECT_TRUE(test, bar_bind(k));
}

static struct kunit_case bar_cases[] = {
	KUNIT_CASE(largest_bar_is_lent),
	KUNIT_CASE(parameters_show_the_range),
	KUNIT_CASE(parameters_are_checked),
	KUNIT_CASE(function_without_usable_range_is_not_bound),
	KUNIT_CASE(function_without_bar_is_not_bound),
	KUNIT_CASE(memory_that_is_disabled_stays_lost),
	KUNIT_CASE(reset_revokes_and_resumes),
	KUNIT_CASE(pulled_card_is_lost_before_the_wait),
	KUNIT_CASE(suspend_and_shutdown_revoke),
	KUNIT_CASE_SLOW(memory_in_use_does_not_delay_reset_and_shutdown),
	KUNIT_CASE(binding_without_memory_leaves_nothing),
	{ }
};

static struct kunit_suite bar_suite = {
	.name = "p2pmem-bar",
	.test_cases = bar_cases,
};

kunit_test_suite(bar_suite);
