# SPDX-License-Identifier: GPL-2.0-only
# Cost over the fill of a pool and over its size, on logarithmic scales. Variables: dir, pool.
set terminal svg size 1000,640 background "white"
set output dir."/compare.svg"
set multiplot layout 1,2
set logscale y
set grid
set key below vertical maxcols 1 left
set ylabel "executed instructions"
set key samplen 2
set style data linespoints
set title "Allocate and free in a pool of ".pool
set xlabel "percent in use"
set xrange [-2:102]
plot dir."/fill.data" using 1:2 title "4 KiB, upstream" lw 2, "" using 1:3 title "4 KiB, ours" lw 2, \
	"" using 1:4 title "128 KiB, upstream" lw 2, "" using 1:5 title "128 KiB, ours" lw 2
set title "Growth with the pool"
set xlabel "MiB"
set xrange [*:*]
set logscale x 2
plot dir."/pool.data" using 1:2 title "4 KiB at 90 %, upstream" lw 2, \
	"" using 1:3 title "4 KiB at 90 %, ours" lw 2, \
	"" using 1:4 title "64 KiB churned, upstream" lw 2, \
	"" using 1:5 title "64 KiB churned, ours" lw 2, \
	"" using 1:7 title "list 128 KiB odd, ours" lw 2
