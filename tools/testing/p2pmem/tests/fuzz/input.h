/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DOC: format of the fuzzer's inputs
 *
 * Any bytes are a valid input, and small changes of the bytes are small changes of
 * the hierarchy. There are two kinds, distinguished by the first bit:
 *
 * A tree as in ../topology/graph.h, and two of its ends:
 *
 *   byte 0	0x01: 0; 0x06: number of host bridges - 1; 0x18: their domains
 *   byte 1	two bits for each: forwards within, forwards across
 *   byte 2	vertex of the provider, counted down from the last one
 *   byte 3	vertex of the client
 *   then, for each function: RECORD bytes, and its egress vector if it has one
 *	0	vertex above, counted down from the last one
 *	1	device and function number
 *	2	0x07: role; 0x08: multifunction bit of the header; 0x10: has ACS;
 *		0x20: one more valid bit in the vector
 *	3	ACS control
 *	4	port number
 *	5	valid bits in the vector
 *	6	0x07: payload size (0: none, n: 64 << n); 0x38: read request size;
 *		0x40: sends requests with 10-bit tags; 0x80: completes them
 *	and, if ACS control has egress control: 1 byte with the number of bytes of
 *	the vector that follow, lowest bits first; the rest of the vector is 0
 *
 * Two chains of arbitrary nodes that form no tree (byte 0 has 0x01): the correct route
 * is not defined then, but the result must be valid.
 */
#ifndef _FUZZ_INPUT_H
#define _FUZZ_INPUT_H

#include <stddef.h>

#include "pair.h"

#define RECORD		7
#define INPUT_MAX	4096

/* Nodes of a chain that forms no tree */
#define MAX_LOOSE	12

struct input {
	struct graph graph;
	int provider;
	int client;
};

bool input_is_tree(const u8 *data, size_t size);

/* The ends are functions, or host bridges with chains of no nodes */
void decode_tree(const u8 *data, size_t size, struct input *in);
/* The caller frees both */
void decode_chains(const u8 *data, size_t size, struct p2pmem_chain chain[2]);

/* Write the bytes that decode_tree() converts to this tree; 0 if there are none */
size_t encode_tree(const struct input *in, u8 data[INPUT_MAX]);

#endif /* _FUZZ_INPUT_H */
