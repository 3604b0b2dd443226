#!/bin/sh
# Measure the scanner next to others, on source text of the packages that are
# installed here: BENCH_MB (200) of it, in the order of names.
set -eu
export LC_ALL=C

BB_SOURCE=${BB_SOURCE:-$(cd "$(dirname "$0")/.." && pwd)}
BB_BUILD=${BB_BUILD:-$BB_SOURCE/build}
work=$(mktemp -d "${TMPDIR:-/tmp}/bb-bench-scan.XXXXXX")
trap 'rm -rf "$work"' EXIT

find /usr/include /usr/share /usr/lib -xdev -type f \( -name '*.h' -o -name '*.hpp' -o -name '*.py' -o -name '*.p[lm]' \
	-o -name '*.js' \
	-o -name '*.ts' -o -name '*.json' -o -name '*.html' -o -name '*.md' -o -name '*.txt' -o -name '*.sh' \) \
	-print0 2>/dev/null |
	sort -z | xargs -0 cat 2>/dev/null | head -c "${BENCH_MB:-200}000000" >"$work/text"
"$BB_SOURCE/bench/patterns.py" "$BB_SOURCE/rules/tokens.yaml" >"$work/patterns"
"$BB_BUILD/bench/scan" "$BB_SOURCE/rules/tokens.yaml" "$work/patterns" "$work/text"
