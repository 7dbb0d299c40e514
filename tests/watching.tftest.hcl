# Alarms, the dashboard and the saved queries.

# Here and not in a folder of mocks, of which OpenTofu knows nothing; the same in every file, since it keeps them.
mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:site"
      url = "https://example.com/site"
    }
  }

  override_resource {
    target = aws_sqs_queue.dead_letter
    values = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      url = "https://example.com/site-dlq"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:site" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/site" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/site" }
  }
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "every_alarm_tells_somebody_and_none_is_on_a_dashboard_unasked" {
  command = apply

  variables {
    alarms = {
      actions    = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
      ok_actions = ["arn:aws:sns:eu-west-1:123456789012:calm"]
      disabled   = ["throttles"]
      actions_by_alarm = {
        lag = ["arn:aws:sns:eu-west-1:123456789012:chat"]
      }
    }
  }

  assert {
    condition = keys(output.alarm_arns) == [
      "dead_letters", "errors", "lag", "misconfigured", "oldest_message"
    ]
    error_message = "An alarm is missing, or one that is not wanted is there."
  }

  assert {
    condition = alltrue([for kind, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:${kind == "lag" ? "chat" : "on-call"}"])
      && alarm.ok_actions == toset(["arn:aws:sns:eu-west-1:123456789012:calm"])
      && alarm.treat_missing_data == "notBreaching"
    ])
    error_message = "An alarm tells nobody, or rings on a quiet site."
  }

  assert {
    condition = (aws_cloudwatch_metric_alarm.this["dead_letters"].dimensions.QueueName == "site-dlq"
      && aws_cloudwatch_metric_alarm.this["oldest_message"].dimensions.QueueName == "site"
    )
    error_message = "A queue's alarm watches the wrong queue."
  }

  assert {
    condition = (output.dashboard_name == null
      && length(aws_cloudwatch_dashboard.this) + length(aws_cloudwatch_query_definition.this) == 0
    )
    error_message = "There is a dashboard or a saved query."
  }
}

run "the_dashboard_shows_the_alarms_and_what_happens_in_its_region" {
  command = apply

  variables {
    dashboard = true
    delivery  = "direct"
  }

  assert {
    condition     = aws_cloudwatch_dashboard.this[0].dashboard_name == "site" && output.dashboard_name == "site"
    error_message = "The dashboard is not found by the module's name."
  }

  assert {
    condition = alltrue(flatten([for i, one in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [
      for j, other in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : one.x + one.width <= 24 &&
      (one.x + one.width <= other.x || other.x + other.width <= one.x
      || one.y + one.height <= other.y || other.y + other.height <= one.y) if i < j
    ]]))
    error_message = "Two widgets overlap, or one is beyond the 24 columns."
  }

  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets :
      sort(widget.properties.alarms) if widget.type == "alarm"
    ] == [sort(values(output.alarm_arns))]
    error_message = "An alarm is missing."
  }

  assert {
    condition = toset(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [
      for metric in try(widget.properties.metrics, []) :
      "${widget.properties.region} ${metric[0]} ${metric[2]}=${metric[3]}"
      ]])) == toset([
      "eu-west-1 CfPurge Name=site",
      "eu-west-1 AWS/SQS QueueName=site",
      "eu-west-1 AWS/SQS QueueName=site-dlq",
      "eu-west-1 AWS/Lambda FunctionName=site",
    ])
    error_message = "A graph is about something else."
  }

  assert {
    condition = (aws_cloudwatch_metric_alarm.this["undelivered"].metric_name == "DestinationDeliveryFailures"
      && aws_cloudwatch_metric_alarm.this["undelivered"].dimensions == tomap({ FunctionName = "site" })
      && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "DestinationDeliveryFailures")
      && strcontains(aws_cloudwatch_metric_alarm.this["dead_letters"].alarm_description, "responsePayload")
    )
    error_message = "Nobody is told when Lambda loses what failed, or where its reason is."
  }

  assert {
    condition = alltrue([for name, path in {
      "log"          = "cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252faws$252flambda$252fsite"
      "log queries"  = "cloudwatch/home?region=eu-west-1#logsV2:logs-insights"
      "function"     = "lambda/home?region=eu-west-1#/functions/site"
      "queue"        = "sqs/v3/home?region=eu-west-1#/queues/https%3A%2f%2fexample.com%2fsite"
      "dead letters" = "sqs/v3/home?region=eu-west-1#/queues/https%3A%2f%2fexample.com%2fsite-dlq"
      } : strcontains(
      jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.markdown,
      "[${name}](https://console.aws.amazon.com/${path})",
    )])
    error_message = "A link is missing or leads elsewhere."
  }

  assert {
    condition = [for query in aws_cloudwatch_query_definition.this : concat([query.name], query.log_group_names)] == [
      ["site/Was this key purged?", "/aws/lambda/site"],
      ["site/Who changed what?", "/aws/lambda/site"],
      ["site/Why is this one parked?", "/aws/lambda/site"],
    ]
    error_message = "A saved query is missing, named differently, or reads another log."
  }
}

run "without_alarms_the_dashboard_has_none_and_shows_only_what_can_happen" {
  command = apply

  variables {
    dashboard = true
    alarms    = { enabled = false }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length(output.alarm_arns) == 0
    error_message = "There is an alarm."
  }

  assert {
    condition = !can(regex(
      "\"label\":\"alarm\"|alarm's description|\"type\":\"alarm\"|DestinationDeliveryFailures|moved back",
      aws_cloudwatch_dashboard.this[0].dashboard_body,
    ))
    error_message = "The dashboard speaks of alarms that do not exist, or of the way past the queue."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].width == 24
    error_message = "There is a gap where the alarms would be."
  }
}

run "an_alarm_is_an_entry_of_a_runbook_that_cloudwatch_takes_however_long_the_names_are" {
  command = apply

  variables {
    name     = "a23456789-123456789-123456789-123456789-123456789-1234567890"
    bucket   = "b23456789-123456789-123456789-123456789-123456789-123456789.cde"
    alarms   = { oldest_message_seconds = 1209600, lag_milliseconds = 1209600000 }
    delivery = "direct"
  }

  assert {
    # The longest URL and ARN of a queue in the place of the mocked ones: 122 and 112 characters.
    condition = [for kind, alarm in aws_cloudwatch_metric_alarm.this : kind if 1024 < length(
      replace(replace(replace(replace(alarm.alarm_description,
        aws_sqs_queue.dead_letter.url, format("%0122d", 0)),
        aws_sqs_queue.dead_letter.arn, format("%0112d", 0)),
        aws_sqs_queue.this.url, format("%0122d", 0)),
      aws_sqs_queue.this.arn, format("%0112d", 0))
    )] == []
    error_message = "A description is longer than the 1,024 characters that CloudWatch takes."
  }

  assert {
    condition = alltrue([for kind, alarm in aws_cloudwatch_metric_alarm.this : try(regex(
      "^${var.name} .+[.] First: `aws [a-z0-9]+ [a-z-]+[^`]*` .+ More: docs/operations[.]md, section ([a-z-]+)[.]$",
      alarm.alarm_description,
    )[0] == replace(kind, "_", "-"), false)])
    error_message = "An alarm does not say what it means, what to run first, or where there is more."
  }
}
