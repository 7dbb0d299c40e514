# An EventBridge rule invokes the function, whose zip lies in S3; the parameter holds a Global API key.

variable "cloudflare_api_url" {
  type = string
}

variable "packages_bucket" {
  type = string
}

resource "aws_s3_bucket_notification" "rule" {
  bucket      = "rule.example.com"
  eventbridge = true
}

module "cf_purge" {
  source = "../.."

  name                = "rule-purge"
  bucket              = "rule.example.com"
  api_token_parameter = "/prod/cloudflare/rule-token"
  targets             = [{ zone_id = "3b000000000000000000000000000007", purge_by = "host" }]
  event_source        = "eventbridge"
  delivery            = "direct"
  cloudflare          = { email = "ops@example.com", api_url = var.cloudflare_api_url }
  lambda              = { package = { s3_bucket = var.packages_bucket, s3_key = "cf_purge.zip" } }
  alarms              = { actions = ["arn:aws:sns:us-east-1:000000000000:on-call"] }
  tags                = { service = "rule" }
}
