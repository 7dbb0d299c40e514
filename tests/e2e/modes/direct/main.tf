# The bucket invokes the function, under a role and with a zip of the user's own; copies are invalidated, not dropped.

variable "cloudflare_api_url" {
  type = string
}

variable "zip" {
  type = string
}

resource "aws_iam_role" "own" {
  name = "security-team-made-this"

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "own" {
  name   = "what-the-module-asks-for"
  role   = aws_iam_role.own.name
  policy = module.cf_purge.role_policy_json
}

module "cf_purge" {
  source = "../.."

  name                = "direct-purge"
  bucket              = "direct.example.com"
  api_token_parameter = "/prod/cloudflare/direct-token"
  targets             = [{ zone_id = "3a000000000000000000000000000006" }]
  delivery            = "direct"
  cloudflare          = { operation = "invalidate", api_url = var.cloudflare_api_url }
  lambda              = { package = { filename = var.zip } }
  role                = { create = false, arn = aws_iam_role.own.arn }
  alarms              = { actions = ["arn:aws:sns:us-east-1:000000000000:on-call"] }
  tags                = { service = "direct" }
}
