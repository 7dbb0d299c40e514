"""`make local`: the local world for your own Terraform configuration, until Ctrl-C."""

import json
import shlex
import signal
import sys

from tests.simulation import aws
from tests.simulation.world import ROOT, Domain, World, create_website, local_world
from tools.problems import Problem

# What README and examples/basic name.
SITE = Domain("0123456789abcdef0123456789abcdef", "example.com", ("www.example.com",), "www.example.com")
TOKEN_PARAMETER = "/prod/cloudflare/api-token"


def instructions(world: World) -> str:
    """Return what to paste into a shell: variables for Terraform and the AWS CLI, `visit`, and a root."""
    variables = aws.variables(world.aws_url, world.tls)
    if "TF_CLI_CONFIG_FILE" in world.environ:
        variables["TF_CLI_CONFIG_FILE"] = world.environ["TF_CLI_CONFIG_FILE"]
    api_url, edge_url = world.control.api_url, world.control.edge_url
    addresses = f"cloudflare = {{ api_url = {json.dumps(api_url)}, edge_url = {json.dumps(edge_url)} }}"
    root = (ROOT / "examples" / "basic" / "main.tf").read_text()
    root = root.replace('"../.."', f"{json.dumps(str(ROOT))}\n\n  {addresses}")
    curl = f"curl -si --cacert {shlex.quote(world.tls.authority)} --connect-to ::{edge_url.partition('//')[2]}"
    return "\n".join(
        [
            *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
            f'visit() {{ {curl} "https://{SITE.hosts[0]}/$1"; }}',
            f"cat >main.tf <<'END'\n{root}END",
        ]
    )


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with local_world(ROOT / ".logs" / "local", print, [SITE]) as world:
            create_website(world, SITE.hosts[0])
            world.store_token(world.token, TOKEN_PARAMETER)
            print(f"\nPaste this into another shell, in an empty folder:\n\n{instructions(world)}\n")
            print("Then run terraform init and terraform apply; examples/local/README.md has the next steps.")
            print("Ctrl-C ends this world with all that you apply in it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", flush=True)
    except Problem as problem:
        print(f"\ncf_purge: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
