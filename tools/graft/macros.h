/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernels annotate with and spatch cannot parse */
#define __context_unsafe(x)
#define __guarded_by(x)
#define __must_hold(x)
#define __acquires(x)
#define __releases(x)
