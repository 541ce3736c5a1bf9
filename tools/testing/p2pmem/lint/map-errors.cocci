// SPDX-License-Identifier: GPL-2.0-only
//
// After a successful mapping, a return with an error needs a call that undoes the mapping before it,
// unless the mapping itself failed. Functions that undo have unmap, undo, release, drop, put, destroy
// or free in their names. A goto after a mapping is considered error handling.

virtual report

// ---- mappings, and the test of their return values; code before is not relevant

@map@
identifier f =~ "^(pci_p2pmem_map_(sg|region)|p2pmem_map_host_run|(ib_)?dma_map_(sg|sgtable|resource|single|page)(_attrs)?)$";
position p;
@@
f@p(...)

@tested exists@
identifier map.f, r;
type T;
expression E;
position map.p, t;
statement S;
@@
(
 E = f@p(...);
 ... when != E = ...
 if@t (<+... E ...+>) S
|
 T r = f@p(...);
 ... when != r = ...
 if@t (<+... r ...+>) S
|
 if@t (<+... f@p(...) ...+>) S
)

// ---- returns with an error

@returned exists@
identifier undo =~ "unmap|undo|release|drop|put|destroy|free";
constant C;
expression E;
statement S;
position tested.t, q;
@@
 if@t (...) S
 ... when != undo(...)
(
 return@q -C;
|
 return@q \(ERR_PTR\|PTR_ERR\|ERR_CAST\)(E);
)

@variable exists@
identifier undo =~ "unmap|undo|release|drop|put|destroy|free";
identifier r;
statement S;
position tested.t, q;
@@
 if@t (...) S
 ... when != undo(...)
 if (\(r\|r < 0\))
 {
   ... when != undo(...)
   return@q r;
 }

@label exists@
identifier undo =~ "unmap|undo|release|drop|put|destroy|free";
identifier l;
statement S;
position tested.t, q;
@@
 if@t (...) S
 ... when != undo(...)
 goto l;
 ... when != undo(...)
 return@q ...;

@script:python@
q << returned.q;
@@
print("%s:%s: returns an error without undoing the mapping" % (q[0].file, q[0].line))

@script:python@
q << variable.q;
@@
print("%s:%s: returns an error without undoing the mapping" % (q[0].file, q[0].line))

@script:python@
q << label.q;
@@
print("%s:%s: returns an error without undoing the mapping" % (q[0].file, q[0].line))
