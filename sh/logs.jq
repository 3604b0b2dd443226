# logs.jq: the lines of a sidecar's log, "[daemon] {json}" or "[daemon] text", for people or as JSON.
# Arguments: json (true or false), events (names, one a line), host, daemon (empty: any), since (a
# time, a number with s, m, h or d for how long ago, or empty), and the colours of terminal.sh.
# Everything of a log passes through "shown" on its way to a terminal.

include "safe";

def paint($colour): if . == "" or $colour == "" then . else $colour + . + $ARGS.named.reset end;

def colour_of_event:
	if IN("refuse", "dlp", "died", "late", "kill", "refusing") then $ARGS.named.red
	elif IN("warning", "reload", "stop") then $ARGS.named.yellow
	elif IN("start", "ready") then $ARGS.named.green
	else "" end;

# A line as an object with the name of the daemon that wrote it; what is no JSON object is its text.
# The daemon that an event of the sidecar is about becomes "of".
def parse:
	(capture("^\\[(?<daemon>[a-z0-9-]+)\\] (?<text>.*)$") // {daemon: "?", text: .}) as $line
	| ($line.text | try fromjson catch null) as $object
	| if ($object | type) == "object" then
		{daemon: $line.daemon} + (if $object.daemon then {of: $object.daemon} else {} end)
		+ ($object | del(.daemon))
	  else $line end;

def text($key): .[$key] // "" | shown;

# Method, host, port and path of a request.
def subject:
	[text("method"), text("host") + (if .port then ":\(.port | shown)" else "" end) + text("path")]
	| map(select(. != "")) | join(" ");

# The members that are not shown elsewhere, as name=value.
def others:
	del(.time, .event, .daemon, .of, .method, .host, .port, .path, .reason)
	| to_entries | map("\(.key | shown)=\(.value | shown)") | join(" ");

def for_people:
	[(text("time") | if test("^[0-9-]{10}T[0-9:]{8}") then .[11:19] else . end | paint($ARGS.named.dim)),
	 (.daemon | shown | paint($ARGS.named.bold))]
	+ (if keys - ["daemon", "text"] != [] then
		[(.event | if type == "string" then colour_of_event else "" end) as $colour
		 | text("event") | paint($colour)]
		+ [text("of"), subject, text("reason"), (others | paint($ARGS.named.dim))]
	   else [.text | shown] end)
	| map(select(. != "")) | join(" ");

# The time from which on lines are shown, in the form that they have theirs in.
def beginning:
	$ARGS.named.since
	| if test("^[0-9]+[smhd]$") then
		now - (.[:-1] | tonumber) * {s: 1, m: 60, h: 3600, d: 86400}[.[-1:]] | strftime("%Y-%m-%dT%H:%M:%SZ")
	  else . end;

def is_wanted($events; $host; $ids):
	($ARGS.named.daemon == "" or .daemon == $ARGS.named.daemon)
	and ($events == [] or (.event as $event | $events | index([$event]) != null))
	and ($host == "" or (.host | strings | ascii_downcase) == $host // false
	     or ($ids[.id | strings // ""] // false));

($ARGS.named.events | split("\n") | map(select(. != ""))) as $events
| ($ARGS.named.host | ascii_downcase) as $host
| beginning as $since
# Only the first line about a request names its host; the later ones are found by its id.
# A line without a time is as old as the one before it.
| foreach inputs as $line ({ids: {}, time: ""};
	.ids as $ids
	| ($line | parse) as $entry
	| if $host != "" and ($entry.id | type) == "string" and ($entry.host | type) == "string" and
	     ($entry.host | ascii_downcase) == $host then .ids[$entry.id] = true
	  elif $entry.event == "end" and ($entry.id | type) == "string" then del(.ids[$entry.id])
	  else . end
	| .time = (($entry.time | strings) // .time)
	| .entry = if .time >= $since and ($entry | is_wanted($events; $host; $ids)) then $entry else null end;
	.entry
	| select(.)
	| if $ARGS.named.json == "true" then . else for_people end)
