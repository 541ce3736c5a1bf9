// SPDX-License-Identifier: GPL-2.0-only
//
// Only one file may walk to the devices above, below or next to a struct pci_dev. It converts them to
// nodes, and all rules of topology use nodes. Finding a function by its name is not a walk.

virtual report

@r@
expression E;
position p;
@@
(
pci_upstream_bridge@p(...)
|
pci_physfn@p(...)
|
pcie_find_root_port@p(...)
|
pci_find_pcie_root_port@p(...)
|
pci_find_host_bridge@p(...)
|
pci_walk_bus@p(...)
|
pci_walk_bridge@p(...)
|
pci_find_bus@p(...)
|
pci_find_next_bus@p(...)
|
pci_get_slot@p(...)
|
pci_get_device@p(...)
|
pci_get_class@p(...)
|
pci_get_subsys@p(...)
|
pci_is_root_bus@p(...)
|
pci_acs_enabled@p(...)
|
pci_acs_path_enabled@p(...)
|
E->bus@p->self
|
E->bus@p->parent
|
E->bus@p->bridge
|
E->bus@p->devices
|
E->subordinate@p
)

@lists@
expression E, F;
symbol bus_list;
iterator name list_for_each_entry, list_for_each_entry_reverse, for_each_pci_bridge, for_each_pci_dev;
statement S;
position p;
@@
(
list_for_each_entry@p(E, F, bus_list) S
|
list_for_each_entry_reverse@p(E, F, bus_list) S
|
for_each_pci_bridge@p(E, F) S
|
for_each_pci_dev@p(E) S
)

@script:python@
p << r.p;
@@
print("%s:%s: walks struct pci_dev, which only walk.c may do" % (p[0].file, p[0].line))

@script:python@
p << lists.p;
@@
print("%s:%s: walks struct pci_dev, which only walk.c may do" % (p[0].file, p[0].line))
