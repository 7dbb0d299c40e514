# ---- Bucket notification ----

locals {
  bucket_arn = "arn:${local.partition}:s3:::${var.bucket}"
}

# A bucket has one notification configuration and this resource owns all of it.
resource "aws_s3_bucket_notification" "this" {
  bucket = var.bucket

  dynamic "queue" {
    for_each = var.event_filters

    content {
      id        = "${var.name}-${queue.key}"
      queue_arn = aws_sqs_queue.this.arn
      events    = var.events
      # S3 compares with the encoded key: form encoding, slashes left alone. null, not "", for no filter.
      filter_prefix = queue.value.prefix == "" ? null : replace(urlencode(queue.value.prefix), "%2F", "/")
      filter_suffix = queue.value.suffix == "" ? null : replace(urlencode(queue.value.suffix), "%2F", "/")
    }
  }

  # S3 sends a test message at once and refuses the configuration when it may not.
  depends_on = [aws_sqs_queue_policy.this]
}
