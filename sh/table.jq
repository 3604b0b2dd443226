# table.jq: rows of foreign text as columns for a terminal.

include "safe";

def pad($width): . + ([range($width - length)] | map(" ") | join(""));

# An array of arrays of values, the first being the head; null shows as "-". Prints lines without
# spaces at their ends.
def table:
	map(map(if . == null then "-" else safe end))
	| . as $rows
	| [range($rows[0] | length) as $i | $rows | map(.[$i] | length) | max] as $widths
	| $rows[]
	| [range(length) as $i | .[$i] | pad($widths[$i])]
	| join("  ")
	| sub(" +$"; "");

# Seconds since a time like 2026-01-31T12:00:00Z as 3d4h, 2h05m, 12m or 7s.
def two: tostring | if length < 2 then "0" + . else . end;
def age:
	(now - (sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601) | floor | [., 0] | max) as $s
	| if $s >= 86400 then "\($s / 86400 | floor)d\($s % 86400 / 3600 | floor)h"
	  elif $s >= 3600 then "\($s / 3600 | floor)h\($s % 3600 / 60 | floor | two)m"
	  elif $s >= 60 then "\($s / 60 | floor)m"
	  else "\($s)s" end;
