# Customer managed keys, a permissions boundary, a VPC, and a role that can only purge.

module "cf_purge" {
  source = "../.."

  name                = "corporate-purge"
  bucket              = var.bucket
  api_token_parameter = var.api_token_parameter

  targets = [{
    zone_id         = var.zone_id
    hosts           = var.hosts
    key_prefix      = "public"
    clean_urls      = true
    header_variants = [{ Origin = "https://app.example.org" }] # fonts that another site embeds
  }]

  include       = ["**/*.html", "**/*.css", "**/*.js", "**/*.woff2", "**/*.json"]
  exclude       = ["**/drafts/**"]
  event_filters = [{ prefix = "public/" }]

  cloudflare     = { plan = "business", requests_per_second = 2, api_url = var.cloudflare_api_url }
  collapse_above = 500                    # more URLs in one invocation become one purge of the host
  verify         = { after_seconds = 60 } # request the site as a visitor, and purge stale copies again

  queue                 = { max_concurrency = 3, kms_key_arn = aws_kms_key.messages_and_logs.arn }
  api_token_kms_key_arn = var.api_token_kms_key_arn

  lambda = {
    memory_size        = 1024
    log_retention_days = 365
    log_kms_key_arn    = aws_kms_key.messages_and_logs.arn
    tracing            = "Active"
    vpc                = var.vpc
  }

  role = {
    path                 = "/services/"
    permissions_boundary = aws_iam_policy.boundary.arn
  }

  alarms = {
    actions                = [aws_sns_topic.on_call.arn]
    ok_actions             = [aws_sns_topic.on_call.arn]
    oldest_message_seconds = 600
    lag_milliseconds       = 30000
  }
  dashboard = true

  tags = { service = "website", cost-centre = "1234" }
}

resource "aws_sns_topic" "on_call" {
  #checkov:skip=CKV_AWS_26:alarms cannot publish to a topic with AWS's key; a customer key must allow CloudWatch

  name = "website-on-call"
}
