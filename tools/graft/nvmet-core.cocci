// SPDX-License-Identifier: GPL-2.0-only
//
// drivers/nvme/target/core.c: p2pmem.c handles providers, data and the lifetime of
// peer-to-peer memory; the functions that do this here are removed.
//
// Include <linux/pci.h>, as upstream's header did: without it struct pci_dev
// would be incomplete, and the versions of exports would change.

@ include @
@@
- #include <linux/pci-p2pdma.h>
+ #include <linux/pci.h>

@ hooks @
@@
  #include "debugfs.h"
+ #include "p2pmem.h"

// kernels without that include
@ hooks_first depends on !hooks @
@@
  #include "nvmet.h"
+ #include "p2pmem.h"

// ---- removed functions

@ gone_enable @
@@
- static int nvmet_p2pmem_ns_enable(...) { ... }

@ gone_add @
@@
- static void nvmet_p2pmem_ns_add_p2p(...) { ... }

@ gone_alloc @
@@
- static int nvmet_req_alloc_p2pmem_sgls(...) { ... }

@ gone_find @
@@
- static struct pci_dev *nvmet_req_find_p2p_dev(...) { ... }

@ gone_setup @
@@
- static void nvmet_setup_p2p_ns_map(...) { ... }

@ gone_release @
@@
- static void nvmet_release_p2p_ns_map(...) { ... }

// ---- namespaces

@ enable @
expression ns;
@@
- nvmet_p2pmem_ns_enable(ns)
+ nvmet_p2pmem_enable(ns)

@ attach @
expression ctrl, ns;
@@
- nvmet_p2pmem_ns_add_p2p(ctrl, ns)
+ nvmet_p2pmem_attach(ctrl, ns)

@ detach @
expression ctrl, ns;
@@
- pci_dev_put(radix_tree_delete(&ctrl->p2p_ns_map, ns->nsid))
+ nvmet_p2pmem_detach(ctrl, ns)

@ ns_free @
identifier ns;
@@
  void nvmet_ns_free(struct nvmet_ns *ns)
  {
  ...
  nvmet_ns_disable(ns);
+ nvmet_p2pmem_ns_exit(ns);
  ...
  }

// ---- controllers

@ ctrl_init @
expression ctrl, req;
@@
- nvmet_setup_p2p_ns_map(ctrl, req)
+ nvmet_p2pmem_ctrl_init(ctrl, req)

@ ctrl_exit @
expression ctrl;
@@
- nvmet_release_p2p_ns_map(ctrl)
+ nvmet_p2pmem_ctrl_exit(ctrl)

// ---- the data of commands

@ alloc @
identifier req, provider;
@@
  int nvmet_req_alloc_sgls(struct nvmet_req *req)
  {
- struct pci_dev *provider = nvmet_req_find_p2p_dev(req);
- if (provider && !nvmet_req_alloc_p2pmem_sgls(provider, req))
+ if (nvmet_p2pmem_alloc(req))
  	return 0;
  ...
  }

@ free @
identifier req;
statement system;
@@
  void nvmet_req_free_sgls(struct nvmet_req *req)
  {
- if (req->p2p_dev) { ... } else
+ if (!nvmet_p2pmem_free(req))
  	system
  ...
  }

// ---- module

@ init @
symbol out_exit_discovery;
identifier error;
@@
+ error = nvmet_p2pmem_init();
+ if (error)
+ 	goto out_exit_discovery;
+
  error = nvmet_init_configfs();
- if (error)
+ if (error) {
+ 	nvmet_p2pmem_exit();
  	goto out_exit_discovery;
+ }

@ exit @
@@
  static void __exit nvmet_exit(void)
  {
  nvmet_exit_configfs();
+ nvmet_p2pmem_exit();
  ...
  }
