// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: p2pmem stat: what moves
 *
 * Floor 9.
 *
 * Once, or again and again: on a terminal the tables are drawn at once and then again, elsewhere a
 * line is written for each interval.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"

static volatile sig_atomic_t stopped, resized;

/* Sums of one reading: what an interval is the difference of */
struct totals {
	uint64_t in_use, mapped, failures;
	uint64_t peer, system, inlined, fallbacks;
	double when;
};

/* What is being written is waited for no longer than a second: its reader may have stalled. */
static void stop(int signal)
{
	(void)signal;
	stopped = 1;
	alarm(1);
}

static void resize(int signal)
{
	(void)signal;
	resized = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* "quota=3,pool-full=12" */
static uint64_t sum_failures(const char *s)
{
	uint64_t sum = 0;

	while (s && (s = strchr(s, '=')))
		sum += strtoull(++s, NULL, 10);
	return sum;
}

static void add_up(const struct machine *m, struct totals *t)
{
	unsigned int i;

	*t = (struct totals){ .when = now() };
	for (i = 0; i < m->nr_providers; i++)
		t->in_use += m->provider[i]->size - m->provider[i]->available;
	for (i = 0; i < m->nr_pairs; i++) {
		t->mapped += m->pair[i].bytes;
		t->failures += sum_failures(m->pair[i].failures);
	}
	for (i = 0; i < m->nr_namespaces; i++) {
		t->peer += m->ns[i].peer;
		t->system += m->ns[i].system;
		t->inlined += m->ns[i].inlined;
		t->fallbacks += m->ns[i].fallbacks;
	}
}

/*
 * The kernel has a peak of each client, none of a provider, which would be counted on the path of
 * each allocation. Of a provider, the most that is known for certain counts: what any reading
 * since the start showed, and the peak of any one client. It may have been more.
 */
static void note_peaks(const struct machine *m)
{
	struct function *f;
	unsigned int i;
	uint64_t used;

	for (i = 0; i < m->nr_providers; i++) {
		f = m->provider[i]->function;
		used = m->provider[i]->size - m->provider[i]->available;
		if (f->peak < used)
			f->peak = used;
	}
	for (i = 0; i < m->nr_pairs; i++) {
		f = m->pair[i].provider;
		if (f->peak < m->pair[i].peak)
			f->peak = m->pair[i].peak;
	}
}

static struct json_object *json_failures(const char *s)
{
	struct json_object *o = json_object_new_object();
	const char *value;
	char name[64];

	while (s && (value = strchr(s, '='))) {
		snprintf(name, sizeof(name), "%.*s", (int)(value - s), s);
		json_put(o, name, json_u64(strtoull(value + 1, NULL, 10)));
		s = strchr(value, ',');
		s = s ? s + 1 : NULL;
	}
	return o;
}

static struct json_object *json_namespace(const struct nvmet_namespace *ns)
{
	struct json_object *o = json_object_new_object(), *reasons = json_object_new_object();
	unsigned int i;

	json_put(o, "subsystem", json_string(ns->subsystem));
	json_put(o, "nsid", json_string(ns->nsid));
	json_put(o, "peer_bytes", ns->counted ? json_u64(ns->peer) : NULL);
	json_put(o, "system_bytes", ns->counted ? json_u64(ns->system) : NULL);
	json_put(o, "inline_bytes", ns->counted ? json_u64(ns->inlined) : NULL);
	json_put(o, "fallbacks", ns->counted ? json_u64(ns->fallbacks) : NULL);
	for (i = 0; i < ns->nr_reasons; i++)
		json_put(reasons, ns->reason[i].name, json_u64(ns->reason[i].value));
	json_put(o, "reasons", reasons);
	return o;
}

static int stat_json(struct context *c)
{
	struct json_object *root = json_begin(c, "stat"), *array, *o;
	const struct kernel_pair *p;
	unsigned int i;

	array = json_object_new_array();
	for (i = 0; i < c->m->nr_providers; i++) {
		o = json_provider(c, c->m->provider[i]);
		json_put(o, "peak", json_u64(c->m->provider[i]->function->peak));
		json_push(array, o);
	}
	json_put(root, "providers", array);
	array = json_object_new_array();
	for (i = 0; i < c->m->nr_pairs; i++) {
		p = &c->m->pair[i];
		if (!p->counted)
			continue;
		o = json_object_new_object();
		json_put(o, "provider", json_string(p->provider->name));
		json_put(o, "client", json_string(p->client));
		json_put(o, "in_use", json_u64(p->in_use));
		json_put(o, "peak", json_u64(p->peak));
		json_put(o, "bytes", json_u64(p->bytes));
		json_put(o, "maps", json_u64(p->maps));
		json_put(o, "unmaps", json_u64(p->unmaps));
		json_put(o, "failures", json_failures(p->failures));
		json_push(array, o);
	}
	json_put(root, "pairs", c->m->pairs_known ? array : NULL);
	if (!c->m->pairs_known)
		json_object_put(array);
	array = json_object_new_array();
	for (i = 0; i < c->m->nr_namespaces; i++)
		json_push(array, json_namespace(&c->m->ns[i]));
	json_put(root, "namespaces", array);
	return json_end(c, root);
}

static void heads(struct grid *g, const char * const *names, unsigned int nr, unsigned int left)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		grid_add(g, BOLD, "%s", names[i]);
		if (i >= left && i + 1 < nr)
			grid_right(g, i);
	}
}

static void print_providers(struct context *c)
{
	static const char * const names[] = {
		"PROVIDER", "NAME", "IN USE", "PEAK", "SIZE", "",
	};
	struct grid *g = grid_new(c, ARRAY_SIZE(names));
	const struct provider *p;
	unsigned int i;
	char size[16];

	heads(g, names, ARRAY_SIZE(names), 2);
	for (i = 0; i < c->m->nr_providers; i++) {
		p = c->m->provider[i];
		grid_add(g, PLAIN, "%s", p->function->name);
		grid_add(g, PLAIN, "%s", function_alias(p->function));
		grid_add(g, PLAIN, "%s", size_text(size, p->size - p->available));
		grid_add(g, PLAIN, "%s", size_text(size, p->function->peak));
		grid_add(g, PLAIN, "%s", size_text(size, p->size));
		grid_add(g, PLAIN, "%s", "");
	}
	if (c->m->nr_providers)
		grid_print(g);
	else
		say(c, PLAIN, "No function lends peer-to-peer memory.\n");
}

static void print_pairs(struct context *c)
{
	static const char * const names[] = {
		"PROVIDER", "CLIENT", "IN USE", "PEAK", "BYTES", "FAILURES",
	};
	struct grid *g = grid_new(c, ARRAY_SIZE(names));
	const struct kernel_pair *p;
	unsigned int i, nr = 0;
	char size[16];

	heads(g, names, ARRAY_SIZE(names), 2);
	for (i = 0; i < c->m->nr_pairs; i++) {
		p = &c->m->pair[i];
		if (!p->counted)
			continue;
		nr++;
		grid_add(g, PLAIN, "%s", function_alias(p->provider));
		grid_add(g, PLAIN, "%s", p->function ? function_alias(p->function) : p->client);
		grid_add(g, PLAIN, "%s", size_text(size, p->in_use));
		grid_add(g, PLAIN, "%s", size_text(size, p->peak));
		grid_add(g, PLAIN, "%" PRIu64, p->bytes);
		grid_add(g, *p->failures == '-' ? PLAIN : WARN, "%s", p->failures);
	}
	if (!nr)
		return;
	fputc('\n', c->out);
	grid_print(g);
}

static void print_namespaces(struct context *c)
{
	static const char * const names[] = {
		"SUBSYSTEM", "NSID", "PEER BYTES", "SYSTEM BYTES", "INLINE BYTES", "FALLBACKS",
		"REASONS",
	};
	struct grid *g = grid_new(c, ARRAY_SIZE(names));
	const struct nvmet_namespace *ns;
	const char *reasons;
	unsigned int i, k;

	heads(g, names, ARRAY_SIZE(names), 1);
	for (i = 0; i < c->m->nr_namespaces; i++) {
		ns = &c->m->ns[i];
		grid_add(g, PLAIN, "%s", ns->subsystem);
		grid_add(g, PLAIN, "%s", ns->nsid);
		if (!ns->counted) {
			for (k = 2; k < ARRAY_SIZE(names) - 1; k++)
				grid_add(g, PLAIN, "-");
			grid_add(g, PLAIN, "%s", "");
			continue;
		}
		grid_add(g, PLAIN, "%" PRIu64, ns->peer);
		grid_add(g, PLAIN, "%" PRIu64, ns->system);
		grid_add(g, PLAIN, "%" PRIu64, ns->inlined);
		grid_add(g, ns->fallbacks ? WARN : PLAIN, "%" PRIu64, ns->fallbacks);
		reasons = "";
		for (k = 0; k < ns->nr_reasons; k++)
			reasons = arena_printf(c->m->arena, "%s%s%s=%" PRIu64, reasons,
					       k ? "," : "", ns->reason[k].name,
					       ns->reason[k].value);
		grid_add(g, PLAIN, "%s", reasons);
	}
	if (!c->m->nr_namespaces)
		return;
	fputc('\n', c->out);
	grid_print(g);
}

/* A second; a counter that was reset, or went with its namespace, has moved nothing */
static double rate(uint64_t was, uint64_t is, double seconds)
{
	return is > was ? (is - was) / seconds : 0;
}

static void print_rates(struct context *c, const struct totals *was, const struct totals *is)
{
	double seconds = is->when - was->when;
	char use[16], mapped[16], peer[16], system[16];

	if (seconds <= 0)
		seconds = 1;
	fprintf(c->out, "in use %s, mapped %s/s, peer %s/s, system %s/s, ",
		size_text(use, is->in_use),
		size_text(mapped, rate(was->mapped, is->mapped, seconds)),
		size_text(peer, rate(was->peer, is->peer, seconds)),
		size_text(system, rate(was->system, is->system, seconds)));
	fprintf(c->out, "fallbacks %.0f/s, failures %.0f/s\n",
		rate(was->fallbacks, is->fallbacks, seconds),
		rate(was->failures, is->failures, seconds));
}

static int print_once(struct context *c)
{
	if (c->json)
		return stat_json(c);
	print_providers(c);
	print_pairs(c);
	print_namespaces(c);
	say_missing(c);
	return DONE;
}

/* Lines of @text as far as the terminal has room: what wraps or scrolls is not drawn over later */
static void print_clipped(struct context *c, const char *text)
{
	unsigned int line = 0, column = 0;
	size_t len;

	for (; *text; text++) {
		if (*text == '\n') {
			if (c->height && ++line + 1 >= c->height)
				break;
			column = 0;
		} else if (*text == '\033') {
			/* a color takes no room, and is ended beyond the edge, too */
			len = strcspn(text, "m");
			fwrite(text, 1, len, c->out);
			text += len;
			if (!*text)
				break;
		} else if (++column > c->width) {
			continue;
		}
		fputc(*text, c->out);
	}
	fputs(c->color ? "\033[0m" : "", c->out);
}

static void print_screen(struct context *c, const struct totals *was, const struct totals *is)
{
	FILE *out = c->out;
	char *text = NULL;
	size_t len;

	c->out = open_memstream(&text, &len);
	if (c->out) {
		print_rates(c, was, is);
		fputc('\n', c->out);
		print_once(c);
		fclose(c->out);
	}
	c->out = out;
	fputs("\033[H\033[J", out);
	print_clipped(c, text ? text : "");
	free(text);
	fflush(out);
}

/* Until @deadline or a signal; one that comes in between is not missed */
static void wait_until(double deadline)
{
	sigset_t block, old;
	struct timespec t;
	double left;

	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGWINCH);
	sigprocmask(SIG_BLOCK, &block, &old);
	left = deadline - now();
	if (!stopped && !resized && left > 0) {
		t.tv_sec = left;
		t.tv_nsec = (left - t.tv_sec) * 1e9;
		ppoll(NULL, 0, &t, &old);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void catch_signals(void)
{
	/*
	 * The first one ends the watch after what is being written, or in a second; another one at
	 * once.
	 */
	const struct sigaction ends = {
		.sa_handler = stop, .sa_flags = SA_RESETHAND | SA_RESTART,
	};
	const struct sigaction resizes = { .sa_handler = resize, .sa_flags = SA_RESTART };
	const struct sigaction alarms = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(SIGINT, &ends, NULL);
	sigaction(SIGTERM, &ends, NULL);
	sigaction(SIGWINCH, &resizes, NULL);
	/* whatever the caller made of it */
	sigaction(SIGALRM, &alarms, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The counters again, or the whole machine; a device that is still there keeps its peak. */
static void refresh(struct context *c)
{
	uint64_t inventory = read_inventory(c->m->tree);
	struct machine *was = c->m;
	struct function *f, *old;
	unsigned int i;

	if (inventory == was->inventory) {
		machine_refresh(was);
		return;
	}
	c->m = machine_read(was->tree);
	/* of before: what changes while the machine is read is noticed the next time */
	c->m->inventory = inventory;
	c->j = evaluator_open(c->m);
	for (i = 0; i < c->m->nr; i++) {
		f = c->m->function[i];
		old = machine_at(was, f->name);
		if (old && old->identity == f->identity)
			f->peak = old->peak;
	}
	machine_free(was);
}

static int watch(struct context *c, const struct options *o)
{
	bool screen = c->terminal && !c->json;
	struct totals was, is;
	double next = now();
	unsigned int turn;
	int ret = DONE;

	catch_signals();
	add_up(c->m, &is);
	was = is;
	for (turn = 0; (!o->count || turn < o->count) && ret == DONE; turn++) {
		next += o->watch;
		if (next < now())
			next = now() + o->watch;
		do {
			if (resized)
				terminal_size(c);
			if (screen && (resized || !turn))
				print_screen(c, &was, &is);
			resized = 0;
			wait_until(next);
		} while (!stopped && now() < next);
		if (stopped)
			break;
		refresh(c);
		note_peaks(c->m);
		was = is;
		add_up(c->m, &is);
		if (c->json)
			ret = stat_json(c);
		else if (screen)
			print_screen(c, &was, &is);
		else
			print_rates(c, &was, &is);
		if (fflush(c->out))
			return FAILED;
	}
	return ret;
}

int command_stat(struct context *c, const struct options *o)
{
	note_peaks(c->m);
	return o->watch ? watch(c, o) : print_once(c);
}
