#!/usr/bin/env bash
# Times networks in every precision, one after the other and round after round,
# and prints the median of the rounds' medians in milliseconds and what it is
# of float32's.
#
#   bench/precision.sh RIFFLE ARCH [THREADS] [ROUNDS]
#
# RIFFLE is a built program, ARCH what riffle bench takes.
set -euo pipefail
riffle=$1 arch=$2 threads=${3:-1} rounds=${4:-5}
precisions=(float32 bf16 int8)
times=$(mktemp)
trap 'rm -f "$times"' EXIT
for _ in $(seq "$rounds"); do
	for p in "${precisions[@]}"; do
		# a processor may lack bf16
		if out=$("$riffle" bench --arch "$arch" --threads "$threads" --precision "$p" --runs 40 --json 2>/dev/null); then
			echo "$p $(sed 's/.*"median_ms":\([0-9.]*\).*/\1/' <<<"$out")" >>"$times"
		fi
	done
done
base=
for p in "${precisions[@]}"; do
	median=$(awk -v p="$p" '$1 == p { print $2 }' "$times" | sort -n | awk '{ a[NR] = $1 } END { if (NR) print (a[int((NR + 1) / 2)] + a[int((NR + 2) / 2)]) / 2 }')
	[ -n "$median" ] || continue
	base=${base:-$median}
	awk -v a="$arch" -v p="$p" -v m="$median" -v b="$base" 'BEGIN { printf "%s %s %.2f ms %.2f\n", a, p, m, m / b }'
done
