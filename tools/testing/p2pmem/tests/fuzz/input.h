/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: what the fuzzer's bytes mean
 *
 * Any bytes are an input, and small changes of bytes are small changes of what
 * they describe. Two kinds, by the first bit:
 *
 * A tree, as in ../topology/graph.h, and two ends in it:
 *
 *   byte 0	0x01: 0; 0x06: number of host bridges - 1; 0x18: their domains
 *   byte 1	a bit pair for each: forwards within, forwards across
 *   byte 2	vertex that lends, counted down from the latest
 *   byte 3	vertex of the client
 *   then, for each function: RECORD bytes, and its egress vector if it has one
 *	0	vertex above, counted down from the latest
 *	1	device and function number
 *	2	0x07: role; 0x08: header says multifunction; 0x10: has ACS;
 *		0x20: one more valid bit in the vector
 *	3	ACS control
 *	4	port number
 *	5	valid bits in the vector
 *	6	0x07: payload size (0: none, n: 64 << n); 0x38: read request size;
 *		0x40: asks with 10-bit tags; 0x80: takes them
 *	and, if ACS control has egress control: 1 byte with the length of what
 *	follows of the vector, lowest bits first; the rest of it is 0
 *
 * Two chains that belong to no tree, of any nodes in any order (byte 0 has 0x01):
 * nobody can say then what the route is, but it must be one.
 */
#ifndef _FUZZ_INPUT_H
#define _FUZZ_INPUT_H

#include <stddef.h>

#include "pair.h"

#define RECORD		7
#define INPUT_MAX	4096

/* Nodes of a chain that belongs to no tree */
#define MAX_LOOSE	12

struct input {
	struct graph graph;
	int provider;
	int client;
};

bool input_is_tree(const u8 *data, size_t size);

/* The ends are functions, or host bridges: chains of no nodes */
void decode_tree(const u8 *data, size_t size, struct input *in);
/* The caller frees both */
void decode_chains(const u8 *data, size_t size, struct p2pmem_chain chain[2]);

/* Bytes that decode_tree() makes such a tree of; 0: it cannot */
size_t encode_tree(const struct input *in, u8 data[INPUT_MAX]);

#endif /* _FUZZ_INPUT_H */
