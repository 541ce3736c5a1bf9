// SPDX-License-Identifier: GPL-2.0-only
//
// Functions return errnos with a documented meaning. A bare -1 is -EPERM by accident.

virtual report

@r@
expression E;
position p;
@@
(
return@p -1;
|
return@p E ? -1 : ...;
|
return@p E ? ... : -1;
|
ERR_PTR@p(-1)
)

@late exists@
local idexpression int ret;
position p;
@@
ret@p = -1;
... when != ret = ...
    when != &ret
    when != ret++
return ret;

@script:python@
p << r.p;
@@
print("%s:%s: -1 is not a meaningful errno" % (p[0].file, p[0].line))

@script:python@
p << late.p;
@@
print("%s:%s: returns -1, which is not a meaningful errno" % (p[0].file, p[0].line))
