// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: the oracle: the result of a request, by brute force
 *
 * Enumerates every simple path between two functions by a depth-first search over
 * the whole undirected graph, host bridges and the fabric between them included,
 * and evaluates the path by the properties of its vertices. It does not use chains,
 * common bridges or bit masks, and shares no code with topology.c.
 */
#include <string.h>

#include "graph.h"

struct search {
	const struct graph *g;
	int goal;
	bool seen[MAX_VERTICES];
	int stack[MAX_VERTICES];
	int depth;
	unsigned int found;
	struct finding *f;
};

static void search_from(struct search *s, int here)
{
	int next;

	s->seen[here] = true;
	s->stack[s->depth++] = here;
	if (here == s->goal) {
		if (!s->found++) {
			memcpy(s->f->path, s->stack, s->depth * sizeof(s->stack[0]));
			s->f->length = s->depth;
		}
	} else {
		next = s->g->v[here].parent;
		if (next != NOTHING && !s->seen[next])
			search_from(s, next);
		for (next = s->g->v[here].first_child; next != NOTHING;
		     next = s->g->v[next].next_sibling)
			if (!s->seen[next])
				search_from(s, next);
	}
	s->depth--;
	s->seen[here] = false;
}

static bool is_function(const struct vertex *v)
{
	return v->role != FABRIC && v->role != HOST;
}

/* All that is at the other end of a link is one device. */
static bool at_a_link(const struct graph *g, const struct vertex *v)
{
	return g->v[v->parent].role == ROOT_PORT || g->v[v->parent].role == DOWNSTREAM;
}

/* Both have the same parent. */
static bool one_device(const struct graph *g, const struct vertex *a, const struct vertex *b)
{
	return at_a_link(g, a) || a->device == b->device;
}

/* The top of the path: the vertex whose parent is not on the path */
static int top_of(const struct graph *g, const struct finding *f)
{
	int i, up;

	for (i = 0; i < f->length; i++) {
		up = g->v[f->path[i]].parent;
		if ((i == 0 || f->path[i - 1] != up) &&
		    (i == f->length - 1 || f->path[i + 1] != up))
			return i;
	}
	return NOTHING;
}

/*
 * The request leaves @from for @to, both below the top: whether egress control of
 * @from allows it.
 */
static bool shut_between(const struct graph *g, const struct vertex *from, const struct vertex *to,
			 bool *beyond)
{
	unsigned int number;

	if (!from->has_acs || !from->controls_egress)
		return false;
	if (from->role == DOWNSTREAM || from->role == ROOT_PORT)
		number = to->number;
	else if (from->role == END_POINT && at_a_link(g, from))
		number = to->device * 8 + to->function;
	else if (from->role == END_POINT && one_device(g, from, to))
		number = to->function;
	else
		return false;

	if (number >= from->vector_size) {
		*beyond = true;
		return true;
	}
	return from->shut[number];
}

static bool host_forwards(const struct graph *g, int below)
{
	while (g->v[below].role != HOST)
		below = g->v[below].parent;
	return g->v[below].within;
}

/* The top is a bridge or one of the two ends: evaluate ACS */
static void check_below_bridge(const struct graph *g, struct finding *f)
{
	const struct vertex *last_up = NULL, *first_down = NULL, *v;
	bool blocked_up = false, blocked_down = false, any = false;
	int i, top = f->top, end = f->length - 1;

	if (top > 0 && top < end) {
		last_up = &g->v[f->path[top - 1]];
		first_down = &g->v[f->path[top + 1]];
		blocked_up = shut_between(g, last_up, first_down, &f->beyond);
		blocked_down = shut_between(g, first_down, last_up, &f->beyond);
	}
	/* with request redirect, blocked requests are redirected instead */
	if (blocked_up && last_up->redirects_requests) {
		f->redirects[f->path[top - 1]] = true;
		f->lifted = true;
		blocked_up = false;
	}
	if (blocked_down && first_down->redirects_requests) {
		f->redirects[f->path[top + 1]] = true;
		f->lifted = true;
		blocked_down = false;
	}

	for (i = 0; i <= end; i++) {
		v = &g->v[f->path[i]];
		if (i == top || !v->has_acs)
			continue;
		if (!v->redirects_requests && !v->redirects_completions)
			continue;
		if (v->role != END_POINT || v->header_multifunction ||
		    (v == last_up && first_down && one_device(g, v, first_down)) ||
		    (v == first_down && last_up && one_device(g, v, last_up)))
			f->redirects[f->path[i]] = true;
	}

	/* upwards from the provider, then upwards from the client */
	for (i = 0; i < top && !any; i++) {
		any = f->redirects[f->path[i]];
		f->culprit = f->path[i];
	}
	for (i = end; i > top && !any; i--) {
		any = f->redirects[f->path[i]];
		f->culprit = f->path[i];
	}

	if (blocked_up) {
		f->outcome = STOPPED_BY_EGRESS;
		f->culprit = f->path[top - 1];
	} else if (blocked_down) {
		f->outcome = STOPPED_BY_EGRESS;
		f->culprit = f->path[top + 1];
	} else if (any && !host_forwards(g, f->path[top])) {
		f->outcome = STOPPED_BY_REDIRECT;
	} else {
		f->outcome = any ? THROUGH_HOST : PEER_TO_PEER;
		f->culprit = NOTHING;
	}
}

/*
 * From one end towards the other, up to the top: the first PCIe function, which sends
 * the packets. An end always counts, even if it is the top.
 */
static int speaker(const struct graph *g, const struct finding *f, int end, int step)
{
	int i;

	for (i = end; !g->v[f->path[i]].packet; i += step)
		if (i == f->top || i + step == f->top)
			return NOTHING;
	return i;
}

/*
 * Send every packet of this pair along the whole path: writes of the client and
 * completions of the provider. If one is too large, the culprit is the vertex that
 * cannot accept it.
 */
static void check_packets(const struct graph *g, struct finding *f)
{
	int end = f->length - 1, from, to, i, k;
	const struct vertex *asker, *answerer;
	bool chokes[MAX_VERTICES] = { false };
	unsigned int answer;

	if (f->outcome != PEER_TO_PEER && f->outcome != THROUGH_HOST)
		return;
	to = speaker(g, f, 0, 1);
	from = speaker(g, f, end, -1);
	if (to == NOTHING || from == NOTHING || f->path[to] == f->path[from])
		return;
	asker = &g->v[f->path[from]];
	answerer = &g->v[f->path[to]];
	if (asker->long_tags && !answerer->completes_long_tags) {
		f->outcome = STOPPED_BY_TAG;
		f->culprit = f->path[from];
		return;
	}
	if (f->outcome != PEER_TO_PEER)
		return;

	answer = answerer->packet < asker->asks ? answerer->packet : asker->asks;
	for (i = 0; i <= end; i++) {
		const struct vertex *v = &g->v[f->path[i]];

		/* packets do not pass the bridge at the top */
		if (i == f->top && i != 0 && i != end)
			continue;
		chokes[i] = v->packet && (asker->packet > v->packet || answer > v->packet);
	}
	/* same order as with redirects: upwards from the provider, then from the client */
	for (i = 0, k = NOTHING; i <= f->top && k == NOTHING; i++)
		if (chokes[i] && (i < f->top || i == 0))
			k = i;
	for (i = end; i >= f->top && k == NOTHING; i--)
		if (chokes[i] && (i > f->top || i == end))
			k = i;
	if (k != NOTHING) {
		f->outcome = STOPPED_BY_SIZE;
		f->culprit = f->path[k];
	}
}

unsigned int oracle_query(const struct graph *g, int provider, int client, struct finding *f)
{
	struct search s = { .g = g, .goal = client, .f = f };
	const struct vertex *top;
	bool forwards;
	int i;

	memset(f, 0, sizeof(*f));
	f->culprit = NOTHING;
	search_from(&s, provider);
	if (s.found != 1)
		return s.found;

	/* an edge counts if one of its ends is a function */
	for (i = 1; i < f->length; i++)
		if (is_function(&g->v[f->path[i - 1]]) || is_function(&g->v[f->path[i]]))
			f->hops++;

	f->top = top_of(g, f);
	top = &g->v[f->path[f->top]];
	if (is_function(top)) {
		check_below_bridge(g, f);
		check_packets(g, f);
		return s.found;
	}

	if (top->role == HOST)
		forwards = top->within;
	else	/* the fabric: host bridges on both sides of it */
		forwards = g->v[f->path[f->top - 1]].across && g->v[f->path[f->top + 1]].across;
	f->outcome = forwards ? THROUGH_HOST : STOPPED_AT_HOST;
	check_packets(g, f);
	return s.found;
}
