# The bucket sends its events to EventBridge; the module adds a rule and leaves the notification alone.

# Once per bucket, in the resource that owns its notification: all EventBridge rules get these events.
resource "aws_s3_bucket_notification" "docs" {
  bucket      = "docs.example.com"
  eventbridge = true
}

module "cf_purge" {
  source = "../.."

  name                = "docs-purge"
  bucket              = "docs.example.com"
  api_token_parameter = "/prod/cloudflare/docs-token"
  targets             = [{ zone_id = "2c000000000000000000000000000003", clean_urls = true }]

  event_source  = "eventbridge"
  event_filters = [{ prefix = "guides/", suffix = ".html" }, { prefix = "api/" }]

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "docs" }
}
