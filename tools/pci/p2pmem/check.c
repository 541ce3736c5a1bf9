// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem check: what keeps peer-to-peer from working
 *
 * Floor 10.
 *
 * Looks at everything that the model has, and lists what it found, worst first, each with its
 * remedy. Findings of pairs are check_pairs.c's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Fields of CMBSZ, NVM Express Base Specification */
#define CMBSZ_SQS	0x01
#define CMBSZ_RDS	0x08
#define CMBSZ_WDS	0x10
#define BLOCK		(2ULL << 20)	/* of struct pages: what is lent is whole ones */

static const char *text(struct check *k, const char *format, ...)
{
	char buf[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return arena_strdup(k->c->m->arena, buf);
}

static void check_kernel(struct check *k)
{
	const struct machine *m = k->c->m;
	const char *release = m->release ? m->release : "?";

	if (m->kernel == KERNEL_P2PMEM || m->kernel == KERNEL_UPSTREAM)
		return;
	if (m->kernel == KERNEL_UNKNOWN) {
		found(k, STOPS_SOME, "kernel-unknown", NULL,
		      "p2pmem is not loaded, and whether kernel %s has P2PDMA is not known: its "
		      "configuration cannot be read", release);
		return;
	}
	if (m->release && names_have(&m->installed, m->release))
		found(k, STOPS_ALL, "module-absent", "modprobe -a p2pdma p2pmem-bar",
		      "p2pmem is installed for kernel %s and not loaded", release);
	else if (m->installed.nr)
		found(k, STOPS_ALL, "module-absent",
		      text(k, "make modules && KVER=%s tools/packaging/install.sh install",
			   release),
		      "p2pmem is installed for kernel %s, and %s runs, without its modules: boot the "
		      "other one, or install for this one", m->installed.name[0], release);
	else
		found(k, STOPS_ALL, "option-off",
		      "make modules && tools/packaging/install.sh install",
		      "kernel %s was built without CONFIG_PCI_P2PDMA, and p2pmem is not installed",
		      release);
}

static void check_drivers(struct check *k)
{
	static const struct {
		const char *module;
		const char *what;
	} need[] = {
		{ "nvme", "drives cannot be clients" },
		{ "ib_core", "RDMA adapters cannot be clients" },
		{ "nvmet", "the NVMe target cannot use peer memory" },
	};
	const struct machine *m = k->c->m;
	unsigned int i;

	if (m->kernel != KERNEL_P2PMEM || !m->holders_known)
		return;
	for (i = 0; i < ARRAY_SIZE(need); i++)
		if (names_have(&m->loaded, need[i].module) &&
		    !names_have(&m->holders, need[i].module))
			found(k, STOPS_SOME, "stock-driver", "tools/packaging/install.sh status",
			      "the module %s that is loaded is not p2pmem's: %s", need[i].module,
			      need[i].what);
}

/* "0000:03:00.0 (nvme0)" */
static const char *both_names(struct check *k, const struct function *f)
{
	const char *alias = function_alias(f);

	return strstr(f->name, alias) ? f->name : text(k, "%s (%s)", f->name, alias);
}

static void check_cmb(struct check *k, const struct function *f)
{
	uint64_t offset, size, start;
	char bytes[16];
	int number;

	if (!function_cmb(f, &number, &offset, &size))
		return;
	start = f->bar[number].start + offset;
	if ((f->cmbsz & (CMBSZ_RDS | CMBSZ_WDS)) != (CMBSZ_RDS | CMBSZ_WDS)) {
		found(k, STOPS_SOME, "cmb-no-data", NULL,
		      "%s (%s) has a controller memory buffer that cannot hold data of both reads "
		      "and writes: CMBSZ %#x lacks %s%s%s", function_alias(f), f->name, f->cmbsz,
		      f->cmbsz & CMBSZ_RDS ? "" : "RDS",
		      f->cmbsz & (CMBSZ_RDS | CMBSZ_WDS) ? "" : " and ",
		      f->cmbsz & CMBSZ_WDS ? "" : "WDS");
		return;
	}
	if (size < BLOCK)
		found(k, STOPS_SOME, "cmb-small", NULL,
		      "%s (%s) has a controller memory buffer of %s: memory is lent in blocks of 2 MiB",
		      function_alias(f), f->name, size_text(bytes, size));
	else if (start % BLOCK || size % BLOCK)
		found(k, STOPS_SOME, "cmb-misaligned", NULL,
		      "%s (%s) has a controller memory buffer at %#" PRIx64 ": what is not in whole "
		      "blocks of 2 MiB is not lent%s", function_alias(f), f->name,
		      start, k->c->m->kernel == KERNEL_UPSTREAM ?
		      ", and this kernel lends none of it" : "");
	if (f->cmbsz & CMBSZ_SQS && k->c->m->use_cmb_sqes == 1)
		found(k, STOPS_SOME, "own-queues",
		      "echo options nvme use_cmb_sqes=0 > /etc/modprobe.d/nvme-cmb.conf",
		      "%s (%s) keeps its submission queues in its controller memory buffer",
		      function_alias(f), f->name);
}

/* As the guide does it: what has another driver is unbound from that first */
static const char *bind_remedy(struct check *k, const struct function *f)
{
	const char *unbind = !f->driver ? "" : text(k, "echo %s > driver/unbind && ", f->name);

	return text(k, "modprobe p2pmem-bar; cd /sys/bus/pci/devices/%s && "
		    "echo p2pmem-bar > driver_override && "
		    "%secho %s > /sys/bus/pci/drivers_probe", f->name, unbind, f->name);
}

static void check_providers(struct check *k)
{
	const struct machine *m = k->c->m;
	const char *remedy = NULL, *state;
	struct function *f;
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		check_cmb(k, m->function[i]);
	for (i = 0; i < m->nr_providers; i++) {
		f = m->provider[i]->function;
		state = m->provider[i]->state;
		if (!m->provider[i]->published)
			found(k, STOPS_SOME, "not-published", NULL, "%s (%s) %s%s",
			      function_alias(f), f->name, state && strcmp(state, "live") ?
			      "lends nothing now: it is " : "keeps its memory to itself",
			      state && strcmp(state, "live") ? state : "");
	}
	for (i = 0; i < m->nr; i++)
		if (m->function[i]->abandoned)
			found(k, STOPS_SOME, "abandoned", "reboot",
			      "memory of %s was in use when its driver was unbound: it stays "
			      "allocated, and nothing can be lent there until a reboot",
			      both_names(k, m->function[i]));
	if (m->nr_providers)
		return;
	for (i = 0; i < m->nr && !remedy; i++) {
		f = m->function[i];
		if (f->could_lend && f->role == ROLE_MEMORY)
			remedy = bind_remedy(k, f);
	}
	found(k, STOPS_ALL, "no-provider", m->kernel == KERNEL_P2PMEM ? remedy : NULL,
	      "no function lends peer-to-peer memory%s", remedy ? "" :
	      ": it takes a drive with a controller memory buffer, a memory card, or a driver that "
	      "lends its device's");
}

static void check_machine(struct check *k)
{
	const struct machine *m = k->c->m;
	unsigned int i;

	if (m->in_guest && m->cpu_vendor)
		found(k, NOTE, "guest", NULL,
		      "this is a virtual machine: whether assigned devices reach each other is the "
		      "hypervisor's matter, and a self-test shows it (p2pmem_verify)");
	for (i = 0; i < m->nr; i++)
		if (m->function[i]->translation == TRANSLATION_USER ||
		    (m->function[i]->driver && !strcmp(m->function[i]->driver, "vfio-pci")))
			found(k, NOTE, "assigned", NULL,
			      "%s belongs to a guest or a program (%s): it neither lends nor maps here",
			      m->function[i]->name,
			      m->function[i]->driver ? m->function[i]->driver : "iommufd");
	for (i = 0; i < m->nr_broken; i++)
		found(k, NOTE, "not-understood", NULL, "%s: %s", m->broken[i].path,
		      m->broken[i].what);
}

static void check_namespace(struct check *k, const struct nvmet_namespace *ns)
{
	const char *why = NULL, *use = NULL;
	unsigned int i;

	for (i = 0; i < ns->nr_uses; i++)
		if (!strcmp(ns->use[i].provider, "system"))
			use = ns->use[i].reason;
	why = use ? use : ns->nr_reasons ? ns->reason[0].name : NULL;
	if (!ns->p2pmem || !strcmp(ns->p2pmem, "0") || (!use && !ns->fallbacks))
		return;
	found(k, use ? STOPS_SOME : NOTE, use ? "fallback" : "fallbacks", NULL,
	      "namespace %s of %s %s system memory: %" PRIu64 " commands so far%s%s", ns->nsid,
	      ns->subsystem, use ? "uses" : "used", ns->fallbacks, why ? ", " : "",
	      why ? why : "");
}

static bool is_concerned(const struct function *f)
{
	return f->provider || f->could_lend || f->role == ROLE_MEMORY || client_matters(f);
}

/* Whether peer memory is lent or used by the function, or may be by one below it */
static bool concerns(const struct check *k, const struct function *f)
{
	const struct machine *m = k->c->m;
	const struct function *up;
	unsigned int i;

	if (is_concerned(f))
		return true;
	for (i = 0; f->bridge && i < m->nr; i++) {
		if (!is_concerned(m->function[i]))
			continue;
		for (up = function_up(m->function[i]); up; up = function_up(up))
			if (up == f)
				return true;
	}
	return false;
}

static void check_bars(struct check *k, const struct function *f)
{
	char size[16];
	bool stops, tried;
	int i;

	for (i = 0; i < NR_BARS; i++) {
		if (!f->bar[i].unset)
			continue;
		/* Of a bridge this looks at all functions: not before there is something to say. */
		stops = concerns(k, f);
		tried = machine_booted_with(k->c->m, "pci=realloc");
		found(k, stops ? STOPS_SOME : NOTE, "bar-unassigned",
		      stops && !tried ? "pci=realloc" : NULL,
		      "%s has no address for BAR %d (%s), for which firmware and kernel found "
		      "no room%s: it can neither be lent nor used%s", both_names(k, f), i,
		      size_text(size, f->bar[i].unset), tried ? ", also with pci=realloc" : "",
		      stops && tried ? "; enable addresses above 4 GiB in the firmware's setup" : "");
	}
}

static void check_functions(struct check *k)
{
	const struct function *f;
	unsigned int i;
	bool stops;

	for (i = 0; i < k->c->m->nr; i++) {
		f = k->c->m->function[i];
		stops = f->silent && concerns(k, f);
		if (f->silent)
			found(k, stops ? STOPS_SOME : NOTE, "no-answer",
			      !stops ? NULL : text(k, "echo 1 > /sys/bus/pci/devices/%s/remove && "
				   "echo 1 > /sys/bus/pci/rescan", f->name),
			      "%s does not answer: its configuration space reads all ones, as if it "
			      "were removed, failed or without power", both_names(k, f));
		check_bars(k, f);
	}
}

static int by_severity(const void *a, const void *b)
{
	const struct finding *one = a, *two = b;

	if (one->severity != two->severity)
		return one->severity < two->severity ? -1 : 1;
	return one->order < two->order ? -1 : 1;
}

static const struct {
	const char *name;
	const char *text;
	enum color color;
} severities[] = {
	[STOPS_ALL] = { "error", "Nothing works:", BAD },
	[STOPS_SOME] = { "warning", "Some of it does not:", WARN },
	[NOTE] = { "note", "To be known:", PLAIN },
};

static void print_findings(struct check *k)
{
	struct context *c = k->c;
	const struct finding *f;
	unsigned int i;

	for (i = 0; i < k->nr; i++) {
		f = &k->finding[i];
		if (!i || f->severity != f[-1].severity)
			say(c, BOLD, "%s%s\n", i ? "\n" : "", severities[f->severity].text);
		say(c, severities[f->severity].color, "  %s", f->id);
		say(c, PLAIN, ": %s\n", f->text);
		if (f->remedy)
			say(c, BOLD, "      %s\n", f->remedy);
	}
	if (!k->nr)
		say(c, GOOD, "Nothing keeps peer-to-peer from working.\n");
	say_missing(c);
}

static int json_findings(struct check *k)
{
	struct json_object *root = json_begin(k->c, "check"), *array = json_object_new_array(), *o;
	unsigned int i;

	for (i = 0; i < k->nr; i++) {
		o = json_object_new_object();
		json_put(o, "severity", json_string(severities[k->finding[i].severity].name));
		json_put(o, "id", json_string(k->finding[i].id));
		json_put(o, "text", json_string(k->finding[i].text));
		json_put(o, "remedy", json_string(k->finding[i].remedy));
		json_push(array, o);
	}
	json_put(root, "findings", array);
	return json_end(k->c, root);
}

int command_check(struct context *c)
{
	struct check k = { .c = c };
	unsigned int i;

	check_kernel(&k);
	check_drivers(&k);
	check_functions(&k);
	check_providers(&k);
	check_pairs(&k);
	for (i = 0; i < c->m->nr_namespaces; i++)
		check_namespace(&k, &c->m->ns[i]);
	check_machine(&k);
	if (k.nr)
		qsort(k.finding, k.nr, sizeof(*k.finding), by_severity);
	if (c->json && json_findings(&k))
		return FAILED;
	if (!c->json)
		print_findings(&k);
	return k.nr && k.finding[0].severity < NOTE ? ANSWER_NO : DONE;
}
