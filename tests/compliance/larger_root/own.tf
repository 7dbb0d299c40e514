# Each of these breaks a rule that the module keeps, and is nobody's business but the root's.

resource "aws_sqs_queue" "jobs" {
  name                      = "jobs"
  sqs_managed_sse_enabled   = false
  message_retention_seconds = 60
  redrive_policy            = jsonencode({ deadLetterTargetArn = aws_sqs_queue.failed.arn, maxReceiveCount = 1 })
}

resource "aws_sqs_queue" "failed" {
  name                    = "failed"
  sqs_managed_sse_enabled = false
}

resource "aws_sqs_queue_redrive_allow_policy" "failed" {
  queue_url            = aws_sqs_queue.failed.id
  redrive_allow_policy = jsonencode({ redrivePermission = "allowAll" })
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.jobs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Anybody"
      Effect    = "Allow"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "*"
      Condition = { StringNotEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
  })
}

resource "aws_lambda_function" "this" {
  function_name = "thumbnails"
  role          = aws_iam_role.this.arn
  filename      = "${path.module}/../../../lambda/cf_purge.zip"
  handler       = "index.handler"
  runtime       = "nodejs20.x"
  timeout       = 3

  reserved_concurrent_executions = 1

  environment {
    variables = { API_TOKEN = "whatever" }
  }
}

resource "aws_lambda_function_url" "this" {
  function_name      = aws_lambda_function.this.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "this" {
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:*"
  principal     = "*"
}

resource "aws_lambda_event_source_mapping" "this" {
  function_name                      = aws_lambda_function.this.arn
  event_source_arn                   = aws_sqs_queue.jobs.arn
  maximum_batching_window_in_seconds = 20
}

resource "aws_cloudwatch_log_group" "this" {
  name = "/app"
}

resource "aws_iam_role" "this" {
  name = "thumbnails"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Anybody", Effect = "Allow", Principal = { AWS = "*" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "everything"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Everything", Effect = "Allow", Action = "*", Resource = "*" },
      {
        Sid       = "NothingElsewhere"
        Effect    = "Deny"
        Action    = "*"
        Resource  = "arn:aws:s3:::elsewhere"
        Condition = { StringNotEquals = { "aws:SourceAccount" = "123456789012" } }
      },
    ]
  })
}

resource "aws_iam_user" "ci" {
  name = "ci"
}

# Of the module's own role: what a root adds to it is the root's.
resource "aws_iam_role_policy" "more" {
  name = "more"
  role = module.cf_purge.role_name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "More", Effect = "Allow", Action = "s3:*", Resource = "*" }]
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "busy"
  namespace           = "AWS/SQS"
  metric_name         = "NumberOfMessagesSent"
  dimensions          = { QueueName = module.cf_purge.queue_url }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 5
  treat_missing_data  = "breaching"
  actions_enabled     = false
}

resource "aws_cloudwatch_event_rule" "this" {
  name          = "everything"
  event_pattern = jsonencode({ source = [{ prefix = "" }] })
  state         = "DISABLED"
}

resource "aws_cloudwatch_event_target" "this" {
  rule = aws_cloudwatch_event_rule.this.name
  arn  = aws_sns_topic.on_call.arn
}
