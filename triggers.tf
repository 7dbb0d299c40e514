# ---- Bucket notification ----

locals {
  bucket_arn = "arn:${local.partition}:s3:::${var.bucket}"

  # Contents of the bucket's notification, for any owner.
  notification = {
    queue = [for filter in local.s3_filters :
      merge(filter, { queue_arn = local.queue_arn }) if var.delivery == "queue"
    ]
    lambda_function = [for filter in local.s3_filters :
      merge(filter, { lambda_function_arn = local.function_arn }) if var.delivery == "direct"
    ]
    eventbridge = var.event_source == "eventbridge" || var.keep_eventbridge
  }
  s3_filters = [for i, filter in var.event_filters : {
    # With the key's ID, so that another key changes the notification: only then S3 tests whether it may use the key.
    id     = join("-", concat([var.name, i], [for key_arn in var.queue.kms_key_arn[*] : basename(key_arn)]))
    events = var.events
    # S3 compares with the encoded key: a space is "+", and all except safe characters are percent-encoded, "~" too:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html. Sources disagree on
    # ! ' ( ): they are listed as safe, but encoded in events, so they are encoded here. null is no filter.
    filter_prefix = filter.prefix == "" ? null : replace(replace(urlencode(filter.prefix), "%2F", "/"), "~", "%7E")
    filter_suffix = filter.suffix == "" ? null : replace(replace(urlencode(filter.suffix), "%2F", "/"), "~", "%7E")
  } if var.event_source != "eventbridge"]
}

# A bucket has one notification configuration and this resource owns all of it.
resource "aws_s3_bucket_notification" "this" {
  count = var.event_source == "s3" ? 1 : 0

  bucket      = var.bucket
  eventbridge = local.notification.eventbridge

  dynamic "queue" {
    for_each = local.notification.queue

    content {
      id            = queue.value.id
      queue_arn     = queue.value.queue_arn
      events        = queue.value.events
      filter_prefix = queue.value.filter_prefix
      filter_suffix = queue.value.filter_suffix
    }
  }

  dynamic "lambda_function" {
    for_each = local.notification.lambda_function

    content {
      id                  = lambda_function.value.id
      lambda_function_arn = lambda_function.value.lambda_function_arn
      events              = lambda_function.value.events
      filter_prefix       = lambda_function.value.filter_prefix
      filter_suffix       = lambda_function.value.filter_suffix
    }
  }

  # S3 tests its permission and refuses the configuration if it is denied.
  depends_on = [aws_sqs_queue_policy.this, aws_lambda_permission.this]
}

# ---- EventBridge ----

locals {
  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
  detail_types = {
    ObjectCreated       = ["Object Created"]
    ObjectRemoved       = ["Object Deleted"]
    LifecycleExpiration = ["Object Deleted"]
    ObjectRestore       = ["Object Restore Initiated", "Object Restore Completed", "Object Restore Expired"]
    ObjectTagging       = ["Object Tags Added", "Object Tags Deleted"]
    ObjectAcl           = ["Object ACL Updated"]
  }

  # EventBridge compares with the unencoded key. In a wildcard a backslash escapes, and prefix and suffix cannot overlap
  # as in S3 ("a/logo" and "logo.png" in a/logo.png): overlapping keys get a separate pattern.
  key_patterns = concat(
    [for filter in var.event_filters : { prefix = filter.prefix } if filter.suffix == ""],
    [for filter in var.event_filters : { suffix = filter.suffix } if filter.prefix == "" && filter.suffix != ""],
    [for filter in local.two_sided_filters : { wildcard = replace("${filter.prefix}*${filter.suffix}", "\\", "\\\\") }],
    flatten([for filter in local.two_sided_filters : [
      for shared in range(1, min(length(filter.prefix), length(filter.suffix)) + 1) :
      "${filter.prefix}${substr(filter.suffix, shared, -1)}"
      if endswith(filter.prefix, substr(filter.suffix, 0, shared))
    ]]),
  )
  two_sided_filters = [for filter in var.event_filters : filter if filter.prefix != "" && filter.suffix != ""]
  takes_every_key   = anytrue([for filter in var.event_filters : filter.prefix == "" && filter.suffix == ""])

  rule_arns = [for rule in aws_cloudwatch_event_rule.this : startswith(rule.arn, "arn:") ? rule.arn : local.mocked_arn]

  event_pattern = jsonencode({
    source = ["aws.s3"]
    detail-type = sort(distinct(flatten([
      for event in var.events : lookup(local.detail_types, split(":", event)[1], [])
    ])))
    detail = { for field, patterns in {
      bucket = { name = [var.bucket] }
      object = local.takes_every_key ? null : { key = local.key_patterns }
    } : field => patterns if patterns != null }
  })
}

resource "aws_cloudwatch_event_rule" "this" {
  count = var.event_source == "eventbridge" ? 1 : 0

  name          = var.name
  description   = "Changes in s3://${var.bucket} for the function ${var.name}"
  event_pattern = local.event_pattern
  tags          = var.tags

  lifecycle {
    precondition {
      condition = length(local.event_pattern) <= 4096
      error_message = join(" ", [
        "event_filters exceed the 4,096 characters of an EventBridge rule: use fewer or shorter ones, and include and",
        "exclude for the rest.",
      ])
    }
  }

  depends_on = [aws_cloudwatch_log_group.this] # fails if the name is taken
}

resource "aws_cloudwatch_event_target" "this" {
  count = var.event_source == "eventbridge" ? 1 : 0

  rule      = aws_cloudwatch_event_rule.this[0].name
  target_id = "cf-purge"
  arn       = var.delivery == "queue" ? local.queue_arn : local.function_arn

  # EventBridge gives up after a day, or immediately if it is not allowed to deliver.
  dead_letter_config {
    arn = local.dead_letter_arn
  }

  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dead_letter, aws_lambda_permission.this]
}

# ---- Direct delivery ----

# The queue remains for dead letters that are moved back, manual messages and the function's own messages.
resource "aws_lambda_permission" "this" {
  count = var.delivery == "direct" ? 1 : 0

  statement_id  = var.event_source == "eventbridge" ? "RuleInvokesFunction" : "BucketInvokesFunction"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = var.event_source == "eventbridge" ? "events.amazonaws.com" : "s3.amazonaws.com"
  source_arn    = var.event_source == "eventbridge" ? one(local.rule_arns) : local.bucket_arn
  # A bucket's name may change owners. A rule's ARN contains the account, and with SourceAccount EventBridge would be
  # denied: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
  source_account = var.event_source == "eventbridge" ? null : local.account_id
}

resource "aws_lambda_function_event_invoke_config" "this" {
  count = var.delivery == "direct" ? 1 : 0

  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600 # AWS's default; unset, it would show as drift

  destination_config {
    on_failure {
      destination = local.dead_letter_arn
    }
  }
}
