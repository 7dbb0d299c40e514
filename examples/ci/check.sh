#!/bin/sh
# Checks the plan, without an AWS account: `sh check.sh [RULES...]`. With ONLINE=1 it uses your credentials and state,
# with TERRAFORM=tofu OpenTofu.
set -eu
cd "$(dirname "$0")"
terraform=${TERRAFORM:-terraform}
work=$(mktemp -d)
trap 'rm -rf "$work" check_override.tf.json' EXIT
trap 'exit 1' HUP INT TERM

if [ -z "${ONLINE:-}" ]; then
  # A plan needs an initialised backend: a local one, in a separate folder.
  echo '{"terraform": {"backend": {"local": {}}}}' >check_override.tf.json
  export TF_DATA_DIR=.terraform/check
  offline="-refresh=false -var offline=true"
fi

"$terraform" init -input=false
"$terraform" test

"$terraform" plan -input=false ${offline:-} -out "$work/plan.out"
"$terraform" show -json "$work/plan.out" >"$work/plan.json"

# The module brings the rules. Most need ARNs, which a plan knows only after the first apply: see README.md.
module=$(python3 -c 'import json, os
modules = json.load(open(os.environ.get("TF_DATA_DIR", ".terraform") + "/modules/modules.json"))["Modules"]
print(next(m["Dir"] for m in modules if m["Key"] == "cf_purge"))')
mkdir "$work/features"
for rules in ${*:-secrets tags}; do
  cp "$module/tests/compliance/$rules.feature" "$work/features"
done
terraform-compliance --no-ansi --planfile "$work/plan.json" --features "$work/features"
