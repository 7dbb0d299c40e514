locals {
  # What waits in a queue with one delivery is retried twice by Lambda with the other.
  alarm_words = {
    queue = {
      dead_letters  = "Read ReasonCode and Reason"
      errors        = "as a whole: time-outs, crashes, a configuration it refuses, or a purge by hand that it refused"
      oldest        = "nothing is lost meanwhile"
      throttles     = "and each throttled receive counts as a try"
      misconfigured = "messages wait and are tried every 15 minutes"
    }
    direct = {
      dead_letters  = "Read the body's responsePayload (of messages that came through the queue, ReasonCode and Reason)"
      errors        = "to purge a change at the first try, for any reason, or refused a purge by hand"
      oldest        = "nothing is lost meanwhile, and new changes do not wait there"
      throttles     = "and changes wait in Lambda for six hours at most"
      misconfigured = "each change is tried three times in three minutes and then goes to ${aws_sqs_queue.dead_letter.name}"
    }
  }[var.delivery]

  # One entry per alarm: what it means and the first thing to do are in its description.
  alarms = {
    dead_letters = {
      description = "${var.name} parked object changes it could not purge: the site may show old versions of them. ${local.alarm_words.dead_letters} of the messages in ${aws_sqs_queue.dead_letter.name} (aws sqs receive-message --queue-url ${aws_sqs_queue.dead_letter.url} --message-attribute-names All), mend the cause, move them back to ${aws_sqs_queue.this.name}."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dead_letter.name }
      statistic   = "Maximum"
      threshold   = 1
      periods     = 1
    }
    oldest_message = {
      # Blind to messages received three times or more, hence never the only alarm.
      description = "${var.name} leaves object changes waiting for more than ${var.alarms.oldest_message_seconds} seconds: purges come late. Look for errors in ${aws_cloudwatch_log_group.this.name} (aws logs tail ${aws_cloudwatch_log_group.this.name} --since 1h) and at https://www.cloudflarestatus.com; ${local.alarm_words.oldest}."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = aws_sqs_queue.this.name }
      statistic   = "Maximum"
      threshold   = var.alarms.oldest_message_seconds
      periods     = 1
    }
    errors = {
      description = "${var.name} fails ${local.alarm_words.errors}. The first ERROR line in ${aws_cloudwatch_log_group.this.name} says why (aws logs tail ${aws_cloudwatch_log_group.this.name} --since 1h)."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Sum"
      threshold   = 1
      periods     = 1
    }
    throttles = {
      description = "${var.name} is throttled: the account's Lambda concurrency is used up, ${local.alarm_words.throttles}. Raise the account's limit or find who uses it (aws lambda get-account-settings)."
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Sum"
      threshold   = 1
      periods     = 1
    }
    misconfigured = {
      description = "${var.name} cannot purge until somebody mends its token, zone or permissions; ${local.alarm_words.misconfigured}. The ERROR lines in ${aws_cloudwatch_log_group.this.name} say what is wrong and what to do (aws logs tail ${aws_cloudwatch_log_group.this.name} --since 1h)."
      namespace   = "CfPurge"
      metric_name = "Misconfigured"
      dimensions  = { Name = var.name }
      statistic   = "Sum"
      threshold   = 1
      periods     = 4 # 20 minutes: tries come every 15, and the alarm must not come and go with them
    }
    undelivered = var.delivery == "queue" ? null : {
      description = "${var.name} lost object changes: Lambda could not put what failed into ${aws_sqs_queue.dead_letter.name}, and the site may show old versions of them. Look at the queue's key and policies, then purge by hand what changed since (aws s3api list-objects-v2 --bucket ${var.bucket})."
      namespace   = "AWS/Lambda"
      metric_name = "DestinationDeliveryFailures"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      statistic   = "Sum"
      threshold   = 1
      periods     = 1
    }
    lag = {
      description = "${var.name} purges more than ${var.alarms.lag_milliseconds} ms after the change: visitors see old versions for longer. See Retried and RateLimited of namespace CfPurge, and https://www.cloudflarestatus.com."
      namespace   = "CfPurge"
      metric_name = "Lag"
      dimensions  = { Name = var.name }
      statistic   = "Maximum"
      threshold   = var.alarms.lag_milliseconds
      periods     = 1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for kind, alarm in local.alarms : kind => alarm if var.alarms.enabled && alarm != null }

  alarm_name          = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching" # a quiet site sends no data
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.ok_actions
  tags                = var.tags
}
