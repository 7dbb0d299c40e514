# The dashboard with its saved queries.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  dashboard           = true
}

run "nobody_gets_a_dashboard_unasked" {
  command = apply

  variables {
    dashboard = false
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0 && length(aws_cloudwatch_query_definition.this) == 0 && output.dashboard_name == null
    error_message = "There is a dashboard or a saved query."
  }
}

run "the_dashboard_is_named_as_the_module" {
  command = apply

  assert {
    condition     = aws_cloudwatch_dashboard.this[0].dashboard_name == "site" && output.dashboard_name == "site"
    error_message = "The dashboard is not found by the module's name."
  }
}

run "no_two_widgets_overlap_and_all_are_on_the_24_columns" {
  command = apply

  assert {
    condition = alltrue(flatten([for i, one in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [
      for j, other in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets :
      one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y
      if i < j
    ]]))
    error_message = "Two widgets overlap."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.x >= 0 && widget.y >= 0 && widget.x + widget.width <= 24])
    error_message = "A widget is beyond the 24 columns."
  }

  assert {
    condition     = sum([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.width * widget.height]) == 24 * max([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.y + widget.height]...)
    error_message = "There is a gap."
  }
}

run "without_alarms_the_words_take_their_place" {
  command = apply

  variables {
    alarms = { enabled = false }
  }

  assert {
    condition     = !contains([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.type], "alarm")
    error_message = "There is a widget of alarms that do not exist."
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "\"label\":\"alarm\"")
    error_message = "A line is drawn where an alarm would be."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].width == 24
    error_message = "There is a gap where the alarms would be."
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "alarm's description")
    error_message = "The words send the reader to an alarm that does not exist."
  }
}

run "every_alarm_is_on_the_dashboard" {
  command = apply

  variables {
    delivery = "direct"
  }

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget if widget.type == "alarm" && length(try(widget.properties.alarms, [])) == 7 && toset(try(widget.properties.alarms, [])) == toset(values(output.alarm_arns))]) == 1
    error_message = "An alarm is missing."
  }
}

run "what_is_measured_is_the_queues_and_the_functions_own_in_their_region" {
  command = apply

  assert {
    condition = toset([for metric in flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [
      for metric in try(widget.properties.metrics, []) : "${metric[0]} ${metric[2]}=${metric[3]}"
    ]]) : metric]) == toset(["CfPurge Name=site", "AWS/SQS QueueName=site", "AWS/SQS QueueName=site-dlq", "AWS/Lambda FunctionName=site"])
    error_message = "A graph is about something else."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.region == "eu-west-1" if widget.type == "metric"])
    error_message = "A graph is about another Region."
  }
}

run "with_direct_delivery_what_lambda_could_not_put_anywhere_is_shown" {
  command = apply

  variables {
    delivery = "direct"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "\"DestinationDeliveryFailures\"") && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "moved back, by hand, second purges")
    error_message = "The dashboard shows the way through the queue only."
  }
}

run "with_a_queue_nothing_is_shown_that_cannot_happen" {
  command = apply

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "DestinationDeliveryFailures") && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "moved back")
    error_message = "The dashboard shows the way past the queue."
  }
}

run "links_lead_to_the_console_with_their_region" {
  command = apply

  assert {
    condition = alltrue([for link in [
      "[log](https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252faws$252flambda$252fsite)",
      "[log queries](https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights)",
      "[function](https://console.aws.amazon.com/lambda/home?region=eu-west-1#/functions/site)",
      "[queue](https://console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/https%3A%2f%2fsqs.eu-west-1.amazonaws.com%2f123456789012%2fsite)",
      "[dead letters](https://console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/https%3A%2f%2fsqs.eu-west-1.amazonaws.com%2f123456789012%2fsite-dlq)",
    ] : strcontains(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.markdown, link)])
    error_message = "A link is missing or leads elsewhere."
  }
}

run "in_china_the_console_is_elsewhere" {
  command = apply

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn", dns_suffix = "amazonaws.com.cn" }
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "https://console.amazonaws.cn/lambda/home") && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "console.aws.amazon.com")
    error_message = "A link leads to a console that does not know the account."
  }
}

run "in_a_partition_whose_console_is_not_known_there_are_no_links" {
  command = apply

  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-iso", dns_suffix = "c2s.ic.gov" }
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "](") && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "dead letters")
    error_message = "A link leads nowhere."
  }
}

run "the_queries_are_in_a_folder_of_the_modules_name_and_read_its_log_alone" {
  command = apply

  assert {
    condition     = toset([for query in aws_cloudwatch_query_definition.this : query.name]) == toset(["site/Was this key purged?", "site/Why is this one parked?"])
    error_message = "A saved query is missing or named differently."
  }

  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : query.log_group_names == tolist(["/aws/lambda/site"])])
    error_message = "A saved query reads another log."
  }

  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : strcontains(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.markdown, trimprefix(query.name, "site/"))])
    error_message = "The dashboard does not say which saved queries there are."
  }
}
