"""README's ten lines, in the place of an example's."""

from __future__ import annotations

import re

from tests.plans.planning import Case
from tools.problems import ROOT

USAGE = "README's ten lines"
_TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
(_BLOCK,) = re.findall(r'^```hcl\n(module "cf_purge" \{\n  source .*?)^```$', _TEXT, re.M | re.S)[:1]
(NAME,) = re.findall(r'^  name += "([^"]+)"$', _BLOCK, re.M)
# Where the module is, the case says.
_ARGUMENTS = re.sub(r'\Amodule "cf_purge" \{\n  source [^\n]*\n|^\}\n\Z', "", _BLOCK, flags=re.M)
_TOPIC = 'resource "aws_sns_topic" "on_call" {\n  name = "on-call"\n}\n'  # the reader has one
CASES = {USAGE: Case(_ARGUMENTS, _TOPIC)}
