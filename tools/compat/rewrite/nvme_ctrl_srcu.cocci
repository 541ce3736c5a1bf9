// SPDX-License-Identifier: GPL-2.0-only
// Files: drivers/nvme/host/p2pmem-verify-cmd.c

@@
identifier idx;
expression ctrl;
@@
- int idx = srcu_read_lock(&ctrl->srcu);
  ...
- srcu_read_unlock(&ctrl->srcu, idx);
+ up_read(&ctrl->namespaces_rwsem);

@ walk @
iterator name list_for_each_entry_srcu, list_for_each_entry;
identifier ns, list;
expression ctrl;
statement S;
@@
+ down_read(&ctrl->namespaces_rwsem);
- list_for_each_entry_srcu(ns, &ctrl->namespaces, list, srcu_read_lock_held(&ctrl->srcu))
+ list_for_each_entry(ns, &ctrl->namespaces, list)
  S
