# safe.jq: text of foreign origin as one line that a terminal may be given: no control character,
# no escape sequence and none of the characters that reorder or hide text. The same rules and the
# same set as lib/escape.c; t/bb-terminal.t compares the two.

def hex: if . < 16 then "0123456789ABCDEF"[.:. + 1] else (. / 16 | floor | hex) + (. % 16 | hex) end;

def deceptive:
	. as $c
	| [[173, 173], [847, 847], [1564, 1564], [4447, 4448], [6068, 6069], [6155, 6159], [8203, 8207],
	   [8232, 8238], [8288, 8303], [12644, 12644], [65024, 65039], [65279, 65279], [65440, 65440],
	   [65520, 65531], [119155, 119162], [917504, 921599]]
	| any(.[]; .[0] <= $c and $c <= .[1]);

def safe_character:
	. as $c
	| if $c == 10 then "\\n"
	  elif $c == 13 then "\\r"
	  elif $c == 9 then "\\t"
	  elif $c == 92 then "\\\\"
	  elif $c < 16 then "\\x0" + ($c | hex)
	  elif $c < 32 or $c == 127 then "\\x" + ($c | hex)
	  elif ($c >= 128 and $c < 160) or ($c | deceptive) then "\\u{" + ($c | hex) + "}"
	  else [$c] | implode
	  end;

# Text that may go to a terminal and need not be told apart from what was escaped before.
def shown:
	(if type == "string" then . else tojson end)
	| if test("[^ -~]") then explode | map(if . == 92 then "\\" else safe_character end) | add else . end;

def safe:
	(if type == "string" then . else tojson end)
	| if test("[^ -\\[\\]-~]") then explode | map(safe_character) | add else . end;
