// SPDX-License-Identifier: GPL-2.0-only
//
// Adds the parameter rig_no_compare to the nvme driver, for virtual machines only: the driver
// then ignores the Compare command of all drives. Many real drives have no Compare, but QEMU's
// drives have no property to switch it off.

@ parameter @
identifier dev;
@@
+static bool rig_no_compare;
+module_param(rig_no_compare, bool, 0444);
+MODULE_PARM_DESC(rig_no_compare, "as if no drive had the Compare command");
+
void nvme_dbbuf_dma_alloc(struct nvme_dev *dev)
{
	...
}

@ parameter_int depends on !parameter @
identifier dev;
@@
+static bool rig_no_compare;
+module_param(rig_no_compare, bool, 0444);
+MODULE_PARM_DESC(rig_no_compare, "as if no drive had the Compare command");
+
int nvme_dbbuf_dma_alloc(struct nvme_dev *dev)
{
	...
}

@@
expression result, ctrl, was_suspended;
@@
	result = nvme_init_ctrl_finish(ctrl, was_suspended);
+	if (rig_no_compare)
+		(ctrl)->oncs &= ~NVME_CTRL_ONCS_COMPARE;

@@
expression result, ctrl;
@@
	result = nvme_init_ctrl_finish(ctrl);
+	if (rig_no_compare)
+		(ctrl)->oncs &= ~NVME_CTRL_ONCS_COMPARE;
