// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: ports and links in words
 *
 * Floor 8.
 */
#include <linux/pci_regs.h>
#include <string.h>

#include "command.h"

const char *port_name(const struct function *f)
{
	switch (f->pcie_type) {
	case PCI_EXP_TYPE_ROOT_PORT:
		return "root port";
	case PCI_EXP_TYPE_UPSTREAM:
		return "upstream port";
	case PCI_EXP_TYPE_DOWNSTREAM:
		return "downstream port";
	case PCI_EXP_TYPE_PCI_BRIDGE:
		return "bridge to PCI";
	default:
		return f->bridge ? "bridge" : "";
	}
}

const char *acs_text(struct context *c, const struct function *f)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} bits[] = {
		{ PCI_ACS_SV, "SrcValid" }, { PCI_ACS_RR, "ReqRedir" },
		{ PCI_ACS_CR, "CmpltRedir" },
		{ PCI_ACS_UF, "UpstreamFwd" }, { PCI_ACS_EC, "EgressCtrl" },
		{ PCI_ACS_DT, "DirectTrans" },
	};
	char buf[128] = "";
	unsigned int i;

	if (!f->acs_cap)
		return "";
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (f->acs_ctrl & bits[i].bit)
			snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "%s%s+",
				 *buf ? " " : "", bits[i].name);
	return arena_printf(c->m->arena, "ACS %s", *buf ? buf : "off");
}

const char *link_text(struct context *c, const struct function *f)
{
	if (!f->link.width || !f->link.speed)
		return "";
	if (!f->max_link.width ||
	    (f->link.width == f->max_link.width && f->link.speed == f->max_link.speed))
		return arena_printf(c->m->arena, "x%u %s", f->link.width,
				    link_speed(f->link.speed));
	return arena_printf(c->m->arena, "x%u %s (of x%u %s)", f->link.width,
			    link_speed(f->link.speed), f->max_link.width,
			    link_speed(f->max_link.speed));
}
