# The function reports on an event bus what visitors get; a rule turns this into e-mails.

resource "aws_cloudwatch_event_bus" "site" {
  name = "site-events"
}

module "cf_purge" {
  source = "../.."

  name                = "news-purge"
  bucket              = "news.example.com"
  api_token_parameter = "/prod/cloudflare/news-token"
  targets             = [{ zone_id = "2f000000000000000000000000000006" }]

  verify = {}
  notify = { event_bus_arn = aws_cloudwatch_event_bus.site.arn }

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "news" }
}

# ---- From event to e-mail ----

resource "aws_cloudwatch_event_rule" "live" {
  name           = "news-live"
  event_bus_name = aws_cloudwatch_event_bus.site.name

  event_pattern = jsonencode({
    source      = ["cf_purge"]
    detail-type = ["Verified"]
    detail      = { items = { fresh_ms = [{ numeric = [">=", 0] }] } } # only fresh items have it
  })
}

resource "aws_cloudwatch_event_target" "editors" {
  rule           = aws_cloudwatch_event_rule.live.name
  event_bus_name = aws_cloudwatch_event_bus.site.name
  arn            = aws_sns_topic.editors.arn

  input_transformer {
    input_paths = {
      count = "$.detail.count"
      key   = "$.detail.items[0].key"
      ms    = "$.detail.items[0].fresh_ms"
      who   = "$.detail.items[0].principal"
    }
    input_template = "\"The change of <key> is live <ms> ms after <who> made it. Files in this event: <count>.\""
  }
}

resource "aws_sns_topic" "editors" {
  #checkov:skip=CKV_AWS_26:a rule cannot publish to a topic with AWS's key; a customer key must allow EventBridge
  name = "news-editors"
}

resource "aws_sns_topic_subscription" "editors" {
  topic_arn = aws_sns_topic.editors.arn
  protocol  = "email"
  endpoint  = "editors@example.com"
}

resource "aws_sns_topic_policy" "editors" {
  arn = aws_sns_topic.editors.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RuleSendsEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.editors.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.live.arn } }
    }]
  })
}
