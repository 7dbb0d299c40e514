# One bucket, one zone: every change is purged.

module "cf_purge" {
  source = "../.."

  name                = "site-purge"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "website" }
}
