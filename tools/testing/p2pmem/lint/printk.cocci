// SPDX-License-Identifier: GPL-2.0-only
//
// Messages must have a prefix: dev_*() or pci_*() if there is a device, otherwise pr_*() with pr_fmt().

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
print("%s:%s: %s() has neither a device nor a module prefix" % (p[0].file, p[0].line, f))
