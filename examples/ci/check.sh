#!/bin/sh
# Checks the plan without an AWS account: `sh check.sh [RULES...]`. With TERRAFORM=tofu it uses OpenTofu.
set -eu
cd "$(dirname "$0")"
terraform=${TERRAFORM:-terraform}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$terraform" init -input=false -backend=false
"$terraform" test

"$terraform" plan -input=false -refresh=false -var offline=true -out "$work/plan.out"
"$terraform" show -json "$work/plan.out" >"$work/plan.json"

# The module brings the rules. Most need ARNs, which a plan knows only after the first apply: see README.md.
module=$(python3 -c 'import json
print(next(m["Dir"] for m in json.load(open(".terraform/modules/modules.json"))["Modules"] if m["Key"] == "cf_purge"))')
mkdir "$work/features"
for rules in ${*:-secrets tags}; do
  cp "$module/tests/compliance/$rules.feature" "$work/features"
done
terraform-compliance --no-ansi --planfile "$work/plan.json" --features "$work/features"
