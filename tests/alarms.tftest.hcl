# What an alarm tells whoever it wakes, with everything in it as long as it can be. In a file of its own: a queue that
# an earlier run has made would keep its short ARN.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_sqs_queue.this
  values = {
    arn = "arn:aws-us-gov:sqs:ap-northeast-99:123456789012:a23456789-123456789-123456789-123456789-123456789-1234567890"
    url = "https://sqs.ap-northeast-99.amazonaws.com.cn/123456789012/a23456789-123456789-123456789-123456789-123456789-1234567890"
  }
}

override_resource {
  target = aws_sqs_queue.dead_letter
  values = {
    arn = "arn:aws-us-gov:sqs:ap-northeast-99:123456789012:a23456789-123456789-123456789-123456789-123456789-1234567890-dlq"
    url = "https://sqs.ap-northeast-99.amazonaws.com.cn/123456789012/a23456789-123456789-123456789-123456789-123456789-1234567890-dlq"
  }
}

variables {
  name                = "a23456789-123456789-123456789-123456789-123456789-1234567890"
  bucket              = "b23456789-123456789-123456789-123456789-123456789-123456789.cde"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  alarms              = { oldest_message_seconds = 1209600, lag_milliseconds = 1209600000 }
}

run "an_alarm_is_an_entry_of_a_runbook_that_cloudwatch_takes_from_a_queue" {
  command = apply

  variables {
    delivery = "queue"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["dead_letters"].alarm_description, "--source-arn arn:aws-us-gov:sqs:ap-northeast-99:123456789012:${var.name}-dlq --destination-arn arn:aws-us-gov:sqs:ap-northeast-99:123456789012:${var.name}`")
    error_message = "The queues are not those with the long names."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 6 && alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) <= 1024])
    error_message = "Longer than 1,024 characters: ${jsonencode({ for kind, alarm in aws_cloudwatch_metric_alarm.this : kind => length(alarm.alarm_description) })}."
  }

  assert {
    condition = alltrue([for kind, alarm in aws_cloudwatch_metric_alarm.this :
      can(regex("^${var.name} .+[.] First: `aws [a-z0-9]+ [a-z-]+[^`]*` .+ More: docs/operations[.]md, section ${replace(kind, "_", "-")}[.]$", alarm.alarm_description))
    ])
    error_message = "An alarm does not say what it means, what to run first, or where there is more."
  }
}

run "an_alarm_is_an_entry_of_a_runbook_that_cloudwatch_takes_with_direct_delivery" {
  command = apply

  variables {
    delivery = "direct"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["dead_letters"].alarm_description, "--source-arn arn:aws-us-gov:sqs:ap-northeast-99:123456789012:${var.name}-dlq --destination-arn arn:aws-us-gov:sqs:ap-northeast-99:123456789012:${var.name}`")
    error_message = "The queues are not those with the long names."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 7 && alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) <= 1024])
    error_message = "Longer than 1,024 characters: ${jsonencode({ for kind, alarm in aws_cloudwatch_metric_alarm.this : kind => length(alarm.alarm_description) })}."
  }

  assert {
    condition = alltrue([for kind, alarm in aws_cloudwatch_metric_alarm.this :
      can(regex("^${var.name} .+[.] First: `aws [a-z0-9]+ [a-z-]+[^`]*` .+ More: docs/operations[.]md, section ${replace(kind, "_", "-")}[.]$", alarm.alarm_description))
    ])
    error_message = "An alarm does not say what it means, what to run first, or where there is more."
  }
}
