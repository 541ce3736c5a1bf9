// SPDX-License-Identifier: GPL-2.0-only
/*
 * DOC: what the kernel's files call, where the kernel is a model of a machine
 *
 * Floor 4.
 *
 * See kernel.h. Registers are bytes that were read before; the processor, whether this is a guest
 * and what translates are what the model says.
 */
#include "kernel.h"
#undef ARRAY_SIZE
#include "machine.h"

struct command_kernel command_kernel;
struct workqueue_struct *p2pmem_wq;
bool pci_p2pmem_lending;

int scnprintf(char *buf, size_t len, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf, len, format, args);
	va_end(args);
	if (n < 0 || !len)
		return 0;
	return n < (int)len ? n : (int)len - 1;
}

void strscpy(char *to, const char *from, size_t len)
{
	snprintf(to, len, "%s", from);
}

int kstrtoull(const char *s, unsigned int base, u64 *n)
{
	u64 val;
	char *end;

	if (!isxdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	val = strtoull(s, &end, base);
	if (errno || end == s || (*end && strcmp(end, "\n")))
		return -EINVAL;
	*n = val;
	return 0;
}

int kstrtoint(const char *s, unsigned int base, int *n)
{
	u64 val;

	if (kstrtoull(s + (*s == '-'), base, &val) || val > INT32_MAX)
		return -EINVAL;
	*n = *s == '-' ? -(int)val : (int)val;
	return 0;
}

int kstrtou8(const char *s, unsigned int base, u8 *n)
{
	u64 val;

	if (kstrtoull(s, base, &val) || val > UINT8_MAX)
		return -EINVAL;
	*n = val;
	return 0;
}

int hex_to_bin(unsigned char c)
{
	if (isdigit(c))
		return c - '0';
	return isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

void *command_nodes(size_t size)
{
	static void *buf[2];
	static size_t room[2];
	static unsigned int turn;

	/* A pair has two chains at a time. */
	turn = !turn;
	if (size > room[turn]) {
		free(buf[turn]);
		room[turn] = 2 * size;
		buf[turn] = malloc(room[turn]);
		if (!buf[turn])
			room[turn] = 0;
	}
	if (buf[turn])
		memset(buf[turn], 0, size);
	return buf[turn];
}

static int read_registers(struct pci_dev *pdev, int where, unsigned int size, u32 *val)
{
	const unsigned char *c = pdev->config + where;

	if (where < 0 || where + size > pdev->config_len)
		return -EIO;
	*val = c[0] | c[1] << 8;
	if (size == 4)
		*val |= c[2] << 16 | (u32)c[3] << 24;
	return 0;
}

int pci_read_config_word(struct pci_dev *pdev, int where, u16 *val)
{
	u32 n = U16_MAX;
	int ret = read_registers(pdev, where, 2, &n);

	*val = n;
	return ret;
}

int pci_read_config_dword(struct pci_dev *pdev, int where, u32 *val)
{
	*val = U32_MAX;
	return read_registers(pdev, where, 4, val);
}

/* Registers that version 1 of the capability lacks read as 0. */
static bool register_exists(struct pci_dev *pdev, int reg)
{
	u16 flags;

	if (reg < PCI_EXP_DEVCAP2)
		return true;
	return !pci_read_config_word(pdev, pdev->pcie_cap + PCI_EXP_FLAGS, &flags) &&
		(flags & PCI_EXP_FLAGS_VERS) > 1;
}

int pcie_capability_read_word(struct pci_dev *pdev, int reg, u16 *val)
{
	*val = 0;
	return register_exists(pdev, reg) ?
		pci_read_config_word(pdev, pdev->pcie_cap + reg, val) : 0;
}

int pcie_capability_read_dword(struct pci_dev *pdev, int reg, u32 *val)
{
	*val = 0;
	return register_exists(pdev, reg) ?
		pci_read_config_dword(pdev, pdev->pcie_cap + reg, val) : 0;
}

struct pci_host_bridge *command_host(struct pci_bus *bus)
{
	return &command_kernel.host[bus - command_kernel.bus];
}

struct pci_dev *command_next_root_function(struct pci_dev *after)
{
	unsigned int i = after ? after->bus - command_kernel.bus + 1 : 0;
	struct pci_dev *first;

	for (; i < command_kernel.m->nr_roots; i++) {
		first = list_first_entry_or_null(&command_kernel.bus[i].devices, struct pci_dev,
						 bus_list);
		if (first)
			return first;
	}
	return NULL;
}

struct pci_dev *pci_get_domain_bus_and_slot(int domain, unsigned int number, unsigned int devfn)
{
	struct pci_dev *first = NULL;

	for_each_pci_dev(first)
		if (first->bus->domain == (u32)domain && first->bus->number == number &&
		    first->devfn == devfn)
			return first;
	return NULL;
}

void command_p2pmem_cpu_id(struct p2pmem_entry *cpu)
{
	const struct machine *m = command_kernel.m;

	*cpu = (struct p2pmem_entry){};
	if (!m->cpu_vendor)
		return;
	strscpy(cpu->cpu, m->cpu_vendor, sizeof(cpu->cpu));
	cpu->family = m->cpu_family;
	cpu->model = m->cpu_model;
}

bool command_p2pmem_in_guest(void)
{
	return command_kernel.m->in_guest;
}

bool command_p2pmem_guest_encrypted(void)
{
	return command_kernel.m->encrypted;
}

bool command_p2pmem_client_translates(struct device *client)
{
	return client->domain.type & __IOMMU_DOMAIN_PAGING;
}

/* What would be, if its driver registered it: whether it did, the kernel itself says */
bool p2pmem_is_client(struct device *dev)
{
	(void)dev;
	return true;
}
