locals {
  runbook     = "https://github.com/cf-purge/terraform-aws-cf-purge/blob/v1.0.0/docs/operations.md"
  log_command = "aws logs tail ${aws_cloudwatch_log_group.this.name} --since 1h"
  check_command = join(" ", [
    "aws lambda invoke --function-name ${aws_lambda_function.this.function_name}",
    "--cli-binary-format raw-in-base64-out --payload '{\"check\": true}' /dev/stdout",
  ])
  queued = var.delivery == "queue"
  # Lambda and EventBridge count the events that they could not park, S3 does not.
  counts_losses = !local.queued || var.event_source == "eventbridge"

  # AWS does not document whether a message ages during its delay.
  longest_delay = max(
    var.verify == null ? 0 : min(900, var.verify.after_seconds * pow(2, var.verify.attempts - 1)),
    [for target in var.targets : target.delay_seconds]...
  )
  oldest_message_seconds = var.alarms.oldest_message_seconds + local.longest_delay

  # One entry for each of alarm_keys, for the person on call: what it means, the first command to run, what to do next.
  # The lines are not wrapped in the middle of a phrase, so that grep finds the text of an alarm. By default an alarm is
  # raised by a sum of one in one period.
  alarms = {
    dead_letters = {
      means = [
        "${var.name} parked changes that it could not purge: visitors may get old versions of these objects.",
      ]
      command = join(" ", [
        "aws sqs receive-message --queue-url ${aws_sqs_queue.dead_letter.url}",
        "--max-number-of-messages 10 --message-attribute-names All",
      ])
      then = [
        local.queued ? "Read ReasonCode and Reason in the answer," : join(" ", [
          "Read the responsePayload of each body in the answer",
          "(for messages that came through the queue, ReasonCode and Reason),",
        ]),
        "fix the cause, then move them back:",
        "`aws sqs start-message-move-task --source-arn ${local.dead_letter_arn} --destination-arn ${local.queue_arn}`.",
      ]
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dead_letter.name }
      statistic   = "Maximum"
    }
    oldest_message = {
      # Ignores messages received three times or more, so it is never the only alarm.
      means = [
        "${var.name} has not purged an object change for more than ${local.oldest_message_seconds} seconds:",
        "purges are late.",
      ]
      command = local.log_command
      then = [
        "Look for ERROR lines in the log, and at https://www.cloudflarestatus.com.",
        "Without any line, deliveries are paused, denied or throttled.",
        "Nothing is lost in the meantime${local.queued ? "" : ", and new changes do not use the queue"}.",
      ]
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = aws_sqs_queue.this.name }
      statistic   = "Maximum"
      threshold   = local.oldest_message_seconds
    }
    errors = {
      means = local.queued ? [
        "An invocation of ${var.name} failed:",
        "a time-out, a crash, an invalid configuration, or a manual event that failed.",
        ] : [
        "${var.name} did not purge a change at the first try, for any reason,",
        "or a manual event failed.",
      ]
      command     = local.log_command
      then        = ["The first ERROR line gives the reason; for a time-out, the line platform.report does."]
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
    }
    throttles = {
      means = [
        "${var.name} is throttled: the account's Lambda concurrency, or that reserved for the function, is used up,",
        local.queued
        ? "and each throttled receive counts as a try."
        : "and changes wait in Lambda for six hours at most.",
      ]
      command = "aws lambda get-account-settings"
      then = [
        "If concurrency is reserved for the function, delete the reservation. Otherwise find the function that uses up",
        "the account's limit (metric ConcurrentExecutions), or request a higher one.",
      ]
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
    }
    misconfigured = {
      means = [
        "${var.name} cannot purge until its token, zone or permissions are fixed;",
        local.queued ? "messages wait and are retried at most 17 minutes apart." : join(" ", [
          "each change is tried three times in three minutes",
          "and then goes to ${aws_sqs_queue.dead_letter.name}.",
        ]),
      ]
      command = local.check_command
      then = [
        "It names the cause and the remedy.",
        "If it finds nothing, read the ERROR lines: `${local.log_command}`.",
      ]
      namespace   = "CfPurge"
      metric_name = "Misconfigured"
      dimensions  = { Name = var.name }
      periods     = 4 # 20 minutes: tries are up to 17 minutes apart, and the alarm must not flap
    }
    undelivered = {
      means = [
        "${var.name} lost object changes:",
        "${local.queued ? "EventBridge" : "Lambda"} could not send failed events to ${aws_sqs_queue.dead_letter.name},",
        "and visitors may get old versions of the objects.",
      ]
      command = "aws sqs get-queue-attributes --queue-url ${aws_sqs_queue.dead_letter.url} --attribute-names All"
      then = [
        local.queued
        ? "The queue's key or its policy denies EventBridge access: fix that,"
        : "The queue's key, its policy or the function's role denies Lambda access: fix that,",
        "then manually purge the objects that changed since",
        "(`aws s3api list-objects-v2 --bucket ${var.bucket}` shows LastModified).",
      ]
      namespace   = local.queued ? "AWS/Events" : "AWS/Lambda"
      metric_name = local.queued ? "InvocationsFailedToBeSentToDlq" : "DestinationDeliveryFailures"
      dimensions  = { (local.queued ? "RuleName" : "FunctionName") = var.name }
    }
    lag = {
      means = [
        "${var.name} purged an object more than ${var.alarms.lag_milliseconds} ms after its change:",
        "visitors may have seen the old version for that long.",
      ]
      command = local.log_command
      then = [
        "The metric lines give the reason: Retried (Cloudflare fails, see https://www.cloudflarestatus.com),",
        "RateLimited (others use the same limits), or many Changes (a burst, which passes).",
        "Otherwise the change was parked, paused or throttled before.",
      ]
      namespace   = "CfPurge"
      metric_name = "Lag"
      dimensions  = { Name = var.name }
      statistic   = "Maximum"
      threshold   = var.alarms.lag_milliseconds
    }
    stale = {
      means = [
        "${var.name} purged an object, but visitors still get an old version at the last look of verify.",
      ]
      command     = "${local.log_command} --filter-pattern stale"
      then        = ["The lines have the URL; `explain` says why it is stale."]
      namespace   = "CfPurge"
      metric_name = "Stale"
      dimensions  = { Name = var.name }
    }
    unverifiable = {
      means = [
        "${var.name} has verified none of its purges for an hour:",
        "every answer was a challenge, an error, or had nothing to compare, or there was no time for one.",
      ]
      # The first line can be an hour older than the alarm.
      command = "aws logs tail ${aws_cloudwatch_log_group.this.name} --since 2h --filter-pattern unverifiable"
      then = [
        "The lines have the status. Let bot protection skip the function's requests (User-Agent cf_purge),",
        "or turn verify off.",
      ]
    }
  }
  # For the alarm `unverifiable`: copies were unverifiable, and none was fresh, stale or superseded.
  hourly = { Unverifiable = "Sum", Stale = "Sum", Superseded = "Sum", Fresh = "SampleCount" }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  # Not local.alarms, which contains the bucket's name: it may be sensitive, and for_each refuses that.
  for_each = setsubtract(
    var.alarms.enabled ? local.alarm_keys : [],
    concat(
      var.alarms.disabled,
      local.counts_losses ? [] : ["undelivered"],
      var.verify == null ? ["stale", "unverifiable"] : [],
    ),
  )

  alarm_name = "${var.name}-${replace(each.key, "_", "-")}"
  alarm_description = join(" ", concat(
    local.alarms[each.key].means,
    ["First: `${local.alarms[each.key].command}`"],
    local.alarms[each.key].then,
    ["More: ${local.runbook}#${replace(each.key, "_", "-")}"],
  ))
  namespace           = lookup(local.alarms[each.key], "namespace", null)
  metric_name         = lookup(local.alarms[each.key], "metric_name", null)
  dimensions          = lookup(local.alarms[each.key], "dimensions", null)
  statistic           = each.key == "unverifiable" ? null : lookup(local.alarms[each.key], "statistic", "Sum")
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = lookup(local.alarms[each.key], "threshold", 1)
  period              = each.key == "unverifiable" ? null : 300
  evaluation_periods  = lookup(local.alarms[each.key], "periods", 1)
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching" # a quiet site sends no data
  alarm_actions       = lookup(var.alarms.actions_by_alarm, each.key, var.alarms.actions)
  ok_actions          = var.alarms.ok_actions

  dynamic "metric_query" {
    for_each = each.key == "unverifiable" ? local.hourly : {}

    content {
      id = lower(metric_query.key)

      metric {
        namespace   = "CfPurge"
        metric_name = metric_query.key
        dimensions  = { Name = var.name }
        stat        = metric_query.value
        period      = 3600
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.key == "unverifiable" ? ["everything"] : []

    content {
      id          = metric_query.value
      label       = "Nothing could be verified"
      expression  = "IF(unverifiable > 0 AND stale + superseded + FILL(fresh, 0) == 0, 1, 0)"
      return_data = true
    }
  }

  tags = var.tags
}
