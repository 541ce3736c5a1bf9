// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/configfs.c: use the namespace attribute p2pmem of p2pmem.c,
// and create its state together with the namespace.

@ include @
@@
- #include <linux/pci-p2pdma.h>

@ hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

// ---- the attribute; graft.sh removes the empty #ifdef

@ gone_show @
@@
- static ssize_t nvmet_ns_p2pmem_show(...) { ... }

@ gone_store @
@@
- static ssize_t nvmet_ns_p2pmem_store(...) { ... }

@ gone_attribute @
declarer name CONFIGFS_ATTR;
symbol nvmet_ns_, p2pmem;
@@
- CONFIGFS_ATTR(nvmet_ns_, p2pmem);

@ attribute @
identifier attrs = nvmet_ns_attrs;
symbol nvmet_ns_attr_p2pmem, nvmet_ns_attr_p2pmem_prefer, nvmet_ns_attr_p2pmem_verify;
@@
  static struct configfs_attribute *attrs[] = {
+#ifdef CONFIG_PCI_P2PMEM_NVMET
+	&nvmet_ns_attr_p2pmem,
+	&nvmet_ns_attr_p2pmem_prefer,
+	&nvmet_ns_attr_p2pmem_verify,
+#endif
  ...,
- &nvmet_ns_attr_p2pmem,
  ...,
  };

// ---- the namespace

@ make @
symbol ret, out, nvmet_ns_type;
identifier ns, name;
@@
  config_group_init_type_name(&ns->group, name, &nvmet_ns_type);
+ ret = nvmet_p2pmem_ns_init(ns);
+ if (ret) {
+ 	config_group_put(&ns->group);
+ 	goto out;
+ }

// ---- a reference that 6.12 leaks: each command to a disabled namespace takes one, so that
// the namespace and our record of it would never be freed. This is not listed in "sites",
// because a kernel that drops the reference itself has no match.

@ look_up @
identifier item;
@@
  nvmet_subsys_nsid_exists(...)
  {
  ...
  item = config_group_find_item(...);
  ... when != config_item_put(item)
+ config_item_put(item);
  return item != NULL;
  }
