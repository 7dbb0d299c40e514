# The bucket's notification has another owner, and its events have a second consumer.

module "cf_purge" {
  source = "../.."

  name                = "shop-purge"
  bucket              = "shop.example.com"
  api_token_parameter = "/prod/cloudflare/shop-token"
  targets             = [{ zone_id = "2d000000000000000000000000000004" }]

  event_source  = "none"
  event_filters = [{ suffix = ".html" }, { suffix = ".css" }]

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "shop" }
}

# ---- Owner of the notification ----

resource "aws_s3_bucket_notification" "shop" {
  bucket = "shop.example.com"

  # The module's entries.
  dynamic "queue" {
    for_each = module.cf_purge.notification.queue

    content {
      id            = queue.value.id
      queue_arn     = queue.value.queue_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  # The existing entry.
  queue {
    id            = "thumbnails"
    queue_arn     = aws_sqs_queue.thumbnails.arn
    events        = ["s3:ObjectCreated:*"]
    filter_suffix = ".jpg"
  }

  depends_on = [aws_sqs_queue_policy.thumbnails]
}

# ---- Other consumer ----

resource "aws_sqs_queue" "thumbnails" {
  name                    = "shop-thumbnails"
  sqs_managed_sse_enabled = true
}

resource "aws_sqs_queue_policy" "thumbnails" {
  queue_url = aws_sqs_queue.thumbnails.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BucketSendsEvents"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.thumbnails.arn
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:s3:::shop.example.com" }
        StringEquals = { "aws:SourceAccount" = split(":", aws_sqs_queue.thumbnails.arn)[4] }
      }
    }]
  })
}
