"""README's ten lines, in the place of an example's."""

from __future__ import annotations

import re

from tests.newcomer.guides import usage
from tests.plans.planning import Case
from tools.problems import ROOT

USAGE = "README's ten lines"
(NAME,) = re.findall(r'^  name += "([^"]+)"$', usage(ROOT), re.M)
# Where the module is, the case says.
_ARGUMENTS = re.sub(r'\Amodule "cf_purge" \{\n  source [^\n]*\n|^\}\n\Z', "", usage(ROOT), flags=re.M)
_TOPIC = 'resource "aws_sns_topic" "on_call" {\n  name = "on-call"\n}\n'  # the reader has one
CASES = {USAGE: Case(_ARGUMENTS, _TOPIC)}
