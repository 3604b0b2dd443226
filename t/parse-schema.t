#!/usr/bin/python3
"""bb-parse schema: a JSON Schema that says what bb-parse says.

Every sample is judged by both: by the schema with python3-jsonschema, by bb-parse
as a file. The samples are such as a schema can tell: types, words, unknown keys.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import jsonschema
import yaml

BUILD, SOURCE = os.environ["BB_BUILD"], os.environ["BB_SOURCE"]
checks = failures = 0


def check(good, name, *details):
    """Print one line of TAP, with details when the check failed."""
    global checks, failures
    checks += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {checks} - {name}")
    if not good:
        for d in details:
            print(f"#   {d}")
    sys.stdout.flush()


def parse(*arguments, **more):
    """Run bb-parse; status, output, messages."""
    run = subprocess.run([BUILD + "/bin/bb-parse", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def schema(*what):
    """A schema that bb-parse prints, after checking that it is one."""
    status, out, err = parse("schema", *what)
    check(status == 0 and err == "", f"schema {' '.join(what)}: status 0 and no message", status, err)
    document = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(document)
    check(document["$schema"] == "https://json-schema.org/draft/2020-12/schema", "it names its draft")
    return jsonschema.Draft202012Validator(document)


RIGHT = {
    "bottle": [
        "{}",
        "extends: base",
        "extends: [base, base]",
        "env: {A: text, B: 7, C: '?', D: true}",
        "agent_provider: {template: shell, forward_host_credentials: false, settings: {}}",
        "agent_provider: {template: claude, auth_token: TOKEN}",
        "git-gate: {user: {name: R, email: e}, repos: {a.b: {url: 'ssh://h/a', key: {provider: static, path: /k}}}}",
        "git-gate: {repos: {a: {url: 'https://h/a', auth: {token_ref: T, user: u}, push: {branches: [a], force: true}}}}",
        "egress: {log: 1}", "egress: {log: full}",
        "egress: {routes: [{host: a.b, ports: [1], allow_private: true, max_body: 9, git: {fetch: true}}]}",
        "egress: {routes: [{host: a.b, auth: {scheme: Bearer, token_ref: T}}]}",
        "egress: {routes: [{host: a.b, matches: [{paths: [{type: exact, value: /a}], methods: [GET],"
        " headers: [{name: a, value: b}]}]}]}",
        "egress: {routes: [{host: a.b, dlp: {outbound_detectors: false, inbound_detectors: [naive_injection_detection],"
        " outbound_on_match: block, inbound_on_match: warn}, upstream: {connect: 'h:1', ca_file: /c}}]}",
        "supervise: false",
        "limits: {memory: 4g, cpus: 1.5, pids: 5, disk: 10g, wall: 1h30m}",
        "limits: {memory: 16777216, cpus: '2'}",
    ],
    "agent": ["bottle: base", "{bottle: base, skills: [], git-gate: {user: {name: R}}}",
              "{bottle: base, name: x, description: [y], model: {z: 1}, color: 5, memory: null}"],
    "provider": ["command: x", "{command: x, args: [a], headless: ['{prompt}'], prompt: {form: env, env: P}}",
                 "{command: x, files: [{path: /a, mode: '0600', template: t}], env: {A: b}, hidden_env: [A], needs: [git]}",
                 "{command: x, token: {name: t, host: a.b, header: h, placeholder: p, env: T}}",
                 "{command: x, settings: {a: {type: string, required: true}}, routes: [{host: a.b}]}"],
    "routes": ["routes: []", "routes: [{host: a.b, auth: {header: x-key, token_env: T}}]"],
}
WRONG = {
    "bottle": [
        "egres: {}", "extends: 7", "extends: Base", "extends: []", "env: [A]", "env: {A: [b]}", "env: {1A: b}",
        "agent_provider: shell", "agent_provider: {template: 7}", "agent_provider: {auth_token: 'a b'}",
        "agent_provider: {forward_host_credentials: 'yes'}", "git-gate: {user: {mail: x}}",
        "git-gate: {repos: {a/b: {}}}",
        "git-gate: {repos: {a: {key: {provider: gitlab}}}}", "git-gate: {repos: {a: {key: {path: /k}}}}",
        "git-gate: {repos: {a: {identity: /k}}}", "egress: {log: 3}", "egress: {log: debug}", "egress: {allowlist: []}",
        "egress: {routes: {}}", "egress: {routes: [{ports: [1]}]}", "egress: {routes: [{host: a.b, ports: [0]}]}",
        "egress: {routes: [{host: a.b, ports: ['1']}]}", "egress: {routes: [{host: a.b, role: x}]}",
        "egress: {routes: [{host: a.b, auth: {scheme: bearer, token_ref: T}}]}",
        "egress: {routes: [{host: a.b, auth: {scheme: Bearer}}]}", "egress: {routes: [{host: a.b, matches: []}]}",
        "egress: {routes: [{host: a.b, matches: [{paths: [{value: 1}]}]}]}",
        "egress: {routes: [{host: a.b, dlp: {outbound_detectors: true}}]}",
        "egress: {routes: [{host: a.b, dlp: {outbound_detectors: [x]}}]}",
        "egress: {routes: [{host: a.b, max_body: -1}]}", "egress: {routes: [{host: a.b, git: {push: true}}]}",
        "supervise: 'no'", "supervise: 1", "limits: {memory: 4x}", "limits: {cpus: two}", "limits: {cpus: 0}",
        "limits: {pids: 0}", "limits: {wall: 30}", "limits: {ram: 1g}", "bottle: x", "runtime: x",
    ],
    "agent": ["{bottle: base, env: {}}", "bottle: [base]", "{bottle: base, skills: x}", "{bottle: base, skills: [X]}",
              "{bottle: base, git-gate: {repos: {}}}", "{bottle: base, tools: []}"],
    "provider": ["{}", "{command: 1}", "{command: x, comand: y}", "{command: x, prompt: {form: mail}}",
                 "{command: x, args: a}",
                 "{command: x, settings: {a: {type: list}}}", "{command: x, token: {name: t}}"],
    "routes": ["{}", "routes: {}", "routes: [{host: a.b, auth: {header: x-key, token_ref: T}}]", "route: []"],
}


class Home:
    """A home with the bottle "base", and files in it as bb-parse wants them."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("bottles", "agents", "contrib/x"):
            os.makedirs(os.path.join(directory, name), mode=0o755)
        self.write("bottle", "agent_provider: {template: shell}", "base")

    def write(self, what, text, name="x"):
        """Write a file of a kind; its path."""
        place = {"bottle": f"bottles/{name}.md", "agent": f"agents/{name}.md", "provider": "contrib/x/provider.yaml",
                 "routes": "routes.yaml"}[what]
        path = os.path.join(self.directory, place)
        with open(path, "w") as f:
            f.write(f"---\n{text}\n---\n" if place.endswith(".md") else text + "\n")
        os.chmod(path, 0o644)
        return path

    def accepts(self, what, text):
        """Status of bb-parse check on such a file."""
        environment = {**os.environ, "BOT_BOTTLE_HOME": self.directory}
        return parse("check", self.write(what, text), env=environment, cwd=self.directory)


def judge(validators, home):
    """Every sample by both."""
    for what, validator in validators.items():
        for expected, samples in ((True, RIGHT[what]), (False, WRONG[what])):
            for text in samples:
                status, _, err = home.accepts(what, text)
                valid = validator.is_valid(yaml.safe_load(text))
                check(valid == expected and status == (0 if expected else 100),
                      f"{what}: {'right' if expected else 'wrong'}: {text}", f"schema: {valid}",
                      f"bb-parse: {status} {err}")


def front_matter(path):
    """The front matter of a file, as YAML reads it; @WORDS@ are filled in by whoever uses the example."""
    with open(path) as f:
        return yaml.safe_load(re.sub("@[A-Z_]+@", "1", f.read().split("---\n", 2)[1]))


def examples(validators):
    """What is shipped is valid."""
    for path in sorted(glob.glob(SOURCE + "/examples/**/*.md", recursive=True)):
        if os.path.basename(path) == "README.md":
            continue
        kind = "bottle" if "bottle" in os.path.relpath(path, SOURCE + "/examples") else "agent"
        errors = [e.message for e in validators[kind].iter_errors(front_matter(path))]
        check(not errors, f"{os.path.relpath(path, SOURCE)} is valid", *errors)
    for path in sorted(glob.glob(SOURCE + "/providers/*/provider.yaml")):
        with open(path) as f:
            errors = [e.message for e in validators["provider"].iter_errors(yaml.safe_load(f))]
        check(not errors, f"{os.path.relpath(path, SOURCE)} is valid", *errors)


validators = {what: schema(what) for what in ("bottle", "agent", "provider", "routes")}
whole = schema()
check(whole.is_valid({"bottle": "base"}) and whole.is_valid({"supervise": True}),
      "the whole takes a bottle or an agent")
check(not whole.is_valid({"bottle": "base", "supervise": True}), "and no mixture")
status, out, err = parse("schema", "x")
check((status, out, err) == (100, "", "bb-parse: there is no schema 'x'; wanted bottle, agent, provider or routes\n"),
      "an unknown schema is an error that names those there are", status, out, err)
with tempfile.TemporaryDirectory() as directory:
    os.chmod(directory, 0o755)
    judge(validators, Home(directory))
examples(validators)
print(f"1..{checks}")
sys.exit(1 if failures else 0)
