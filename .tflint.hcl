# Every rule of tflint's ruleset for Terraform, on the module and on each example: `make golint`.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
