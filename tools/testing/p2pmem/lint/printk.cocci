// SPDX-License-Identifier: GPL-2.0-only
//
// A message says who speaks: dev_*(), pci_*() where there is a device, else pr_*() with a pr_fmt().

virtual report

@r@
identifier f =~ "^(_?v?printk|printk_once|printk_ratelimited|printk_deferred|trace_printk|trace_puts|dump_stack)$";
position p;
@@
f@p(...)

@script:python@
p << r.p;
f << r.f;
@@
print("%s:%s: %s() names no device and no module" % (p[0].file, p[0].line, f))
