# ---- Queue ----

resource "aws_sqs_queue" "this" {
  name                      = var.name
  message_retention_seconds = var.queue.retention_seconds
  max_message_size          = 262144
  # AWS's recommendation for a mapping; with less, messages are delivered twice.
  visibility_timeout_seconds = 6 * var.lambda.timeout + var.queue.batch_window_seconds
  kms_master_key_id          = var.queue.kms_key_arn
  sqs_managed_sse_enabled    = var.queue.kms_key_arn == null ? true : null
  tags                       = var.tags

  depends_on = [aws_cloudwatch_log_group.this] # fails if the name is taken
}

# A separate resource, so that both queues are created at once: the provider waits 25 seconds for each.
resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  redrive_policy = jsonencode({
    deadLetterTargetArn = local.dead_letter_arn
    maxReceiveCount     = var.queue.max_receive_count
  })
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17" # with any other the provider waits forever, terraform-provider-aws#24046
    Statement = concat(
      [for bucket_arn in [local.bucket_arn] : {
        Sid       = "BucketSendsEvents"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.queue_arn
        Condition = {
          ArnLike      = { "aws:SourceArn" = bucket_arn }
          StringEquals = { "aws:SourceAccount" = local.account_id } # a bucket's name may change owners
        }
      } if var.delivery == "queue" && var.event_source != "eventbridge"],
      [for rule_arn in local.rule_arns : {
        Sid       = "RuleSendsEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.queue_arn
        Condition = { ArnEquals = { "aws:SourceArn" = rule_arn } }
      } if var.delivery == "queue"],
      [merge(local.deny_without_tls, { Resource = local.queue_arn })],
    )
  })
}

# ---- Dead letters ----

resource "aws_sqs_queue" "dead_letter" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = 1209600 # the longest SQS allows: retention counts from the first enqueue
  max_message_size          = 262144
  kms_master_key_id         = var.queue.kms_key_arn
  sqs_managed_sse_enabled   = var.queue.kms_key_arn == null ? true : null
  tags                      = var.tags

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_sqs_queue_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for rule_arn in local.rule_arns : {
        Sid       = "RuleParksEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.dead_letter_arn
        Condition = { ArnEquals = { "aws:SourceArn" = rule_arn } }
      }],
      [merge(local.deny_without_tls, { Resource = local.dead_letter_arn })],
    )
  })
}

# A separate resource: each of the two queues would need the other's ARN.
resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })
}

locals {
  deny_without_tls = {
    Sid       = "DenyWithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}
