# What is created for the defaults: queues, mapping, alarms, tags.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "dead_letters_are_kept_longest_and_come_from_the_queue_alone" {
  command = apply

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 1209600 && aws_sqs_queue.this.message_retention_seconds == 345600
    error_message = "Dead letters must be kept for 14 days, longer than the queue keeps messages."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq", maxReceiveCount = 30 }
    error_message = "The queue does not give up to its dead-letter queue after 30 tries."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = ["arn:aws:sqs:eu-west-1:123456789012:site"] }
    error_message = "Another queue may use the dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.sqs_managed_sse_enabled
    error_message = "A queue is not encrypted."
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 360
    error_message = "The visibility timeout must be six times the function's."
  }
}

run "a_quiet_upload_waits_for_no_window" {
  command = apply

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0
    error_message = "The mapping must take batches of 10 without a window."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 2
    error_message = "The mapping must report single failures and bound its concurrency."
  }
}

run "every_alarm_tells_somebody_what_to_do" {
  command = apply

  variables {
    alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"], ok_actions = ["arn:aws:sns:eu-west-1:123456789012:calm"] }
  }

  assert {
    condition     = keys(output.alarm_arns) == ["dead_letters", "errors", "lag", "misconfigured", "oldest_message", "throttles"]
    error_message = "An alarm is missing."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"]) && alarm.ok_actions == toset(["arn:aws:sns:eu-west-1:123456789012:calm"])])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) > 80 && length(alarm.alarm_description) <= 1024 && alarm.treat_missing_data == "notBreaching"])
    error_message = "An alarm does not say what to do, or rings on a quiet site."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["dead_letters"].dimensions.QueueName == "site-dlq" && aws_cloudwatch_metric_alarm.this["oldest_message"].dimensions.QueueName == "site"
    error_message = "A queue's alarm watches the wrong queue."
  }
}

run "no_alarms_when_they_are_not_wanted" {
  command = apply

  variables {
    alarms = { enabled = false }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0 && length(output.alarm_arns) == 0
    error_message = "There is an alarm."
  }
}

run "purging_by_hand_needs_one_permission" {
  command = apply

  assert {
    condition     = jsondecode(output.invoke_policy_json).Statement == [{ Sid = "PurgeByHand", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = "arn:aws:lambda:eu-west-1:123456789012:function:site" }]
    error_message = "The policy for purging by hand allows more than that."
  }
}

run "everything_that_takes_tags_has_them" {
  command = apply

  variables {
    tags = { team = "web" }
  }

  assert {
    condition = alltrue(concat(
      [for resource in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] : resource.tags == tomap({ team = "web" })],
      [for alarm in aws_cloudwatch_metric_alarm.this : alarm.tags == tomap({ team = "web" })],
      [
        aws_lambda_function.this.tags == tomap({ team = "web" }),
        aws_lambda_event_source_mapping.this.tags == tomap({ team = "web" }),
        aws_cloudwatch_log_group.this.tags == tomap({ team = "web" }),
        aws_iam_role.this[0].tags == tomap({ team = "web" }),
      ],
    ))
    error_message = "Something has no tags."
  }
}
