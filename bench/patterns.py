#!/usr/bin/env python3
"""The token rules as plain regular expressions, for scanners that know nothing else.

usage: patterns.py rules/tokens.yaml

One line for each: the expression, with line ends written as \\n. What a rule says with
"token" gets what must stand around one; with "near" and "value" the usual way to write
that a value is given to a name, after gitleaks. No entropy, no allowlists.
"""
import re
import sys

import yaml

BEFORE = r"(?:^|[^0-9A-Za-z])"
AFTER = r"(?:[^0-9A-Za-z_-]|$)"
NEAR = r"(?i)[\w.-]{0,50}?(?:%s)(?:[ \t\w.-]{0,20})[\s'\"]{0,3}" \
       r"(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'\"\s=]{0,5}(?:%s)(?:[\x60'\"\s;]|\\[nr]|$)"

for rule in yaml.safe_load(open(sys.argv[1], encoding="utf-8"))["rules"]:
    if "token" in rule:
        text = BEFORE + "(?:" + rule["token"] + ")" + AFTER
    elif "value" in rule:
        text = NEAR % ("|".join(re.escape(w) for w in rule["near"]), rule["value"])
    else:
        text = rule["regex"]
    print(text.replace("\n", "\\n"))
