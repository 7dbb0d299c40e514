# What each owner of the notification and each delivery needs, and who may send.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "the_module_owns_the_notification_and_sends_to_the_queue" {
  command = apply

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = [{ id = "site-0", queue_arn = "arn:aws:sqs:eu-west-1:123456789012:site", events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], filter_prefix = null, filter_suffix = null }]
      lambda_function = []
      eventbridge     = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition     = aws_s3_bucket_notification.this[0].bucket == "www.example.com" && length(aws_s3_bucket_notification.this[0].queue) == 1 && length(aws_s3_bucket_notification.this[0].lambda_function) == 0
    error_message = "The notification does not send to the queue alone."
  }
}

run "only_the_bucket_may_send_and_nobody_without_tls" {
  command = apply

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "BucketSendsEvents"
          Effect    = "Allow"
          Principal = { Service = "s3.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = {
            ArnLike      = { "aws:SourceArn" = "arn:aws:s3:::www.example.com" }
            StringEquals = { "aws:SourceAccount" = "123456789012" }
          }
        },
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "The queue's policy is not what it should be."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.dead_letter.policy).Statement == [{
      Sid       = "DenyWithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The dead-letter queue's policy is not what it should be."
  }

  assert {
    condition     = aws_sqs_queue_policy.this.queue_url == aws_sqs_queue.this.url && aws_sqs_queue_policy.dead_letter.queue_url == aws_sqs_queue.dead_letter.url
    error_message = "A policy is attached to the wrong queue."
  }
}

run "somebody_elses_notification_sends_to_the_queue" {
  command = apply

  variables {
    event_source = "none"
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 0, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = [{ id = "site-0", queue_arn = "arn:aws:sqs:eu-west-1:123456789012:site", events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], filter_prefix = null, filter_suffix = null }]
      lambda_function = []
      eventbridge     = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "BucketSendsEvents"
          Effect    = "Allow"
          Principal = { Service = "s3.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = {
            ArnLike      = { "aws:SourceArn" = "arn:aws:s3:::www.example.com" }
            StringEquals = { "aws:SourceAccount" = "123456789012" }
          }
        },
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "The bucket may not send what somebody else's notification lets it."
  }
}

run "the_bucket_invokes_the_function_itself" {
  command = apply

  variables {
    delivery = "direct"
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 1, on_failure = 1, role = 1, policy = 1, alarms = 7 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = []
      lambda_function = [{ id = "site-0", lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:site", events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], filter_prefix = null, filter_suffix = null }]
      eventbridge     = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsonencode({
      statement_id   = aws_lambda_permission.this[0].statement_id
      action         = aws_lambda_permission.this[0].action
      function_name  = aws_lambda_permission.this[0].function_name
      principal      = aws_lambda_permission.this[0].principal
      source_arn     = aws_lambda_permission.this[0].source_arn
      source_account = aws_lambda_permission.this[0].source_account
      }) == jsonencode({
      statement_id   = "BucketInvokesFunction"
      action         = "lambda:InvokeFunction"
      function_name  = "site"
      principal      = "s3.amazonaws.com"
      source_arn     = "arn:aws:s3:::www.example.com"
      source_account = "123456789012"
    })
    error_message = "Somebody else may invoke the function, or nobody."
  }

  assert {
    condition = {
      retries = aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts
      age     = aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds
      failed  = aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination
      } == {
      retries = 2
      age     = 21600
      failed  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    }
    error_message = "What cannot be purged does not go to the dead-letter queue."
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && jsondecode(output.role_policy_json).Statement[1].Sid == "ConsumeQueue"
      && output.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
    )
    error_message = "Dead letters could not be moved back: the function takes nothing from the queue."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "Somebody may send to a queue that nobody needs to send to."
  }

  assert {
    condition     = length(aws_s3_bucket_notification.this[0].queue) == 0 && [for function in aws_s3_bucket_notification.this[0].lambda_function : function.lambda_function_arn] == ["arn:aws:lambda:eu-west-1:123456789012:function:site"]
    error_message = "The notification does not invoke the function alone."
  }
}

run "somebody_elses_notification_invokes_the_function_itself" {
  command = apply

  variables {
    event_source = "none"
    delivery     = "direct"
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 0, rule = 0, target = 0, permission = 1, on_failure = 1, role = 1, policy = 1, alarms = 7 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = []
      lambda_function = [{ id = "site-0", lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:site", events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"], filter_prefix = null, filter_suffix = null }]
      eventbridge     = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsonencode({
      statement_id   = aws_lambda_permission.this[0].statement_id
      action         = aws_lambda_permission.this[0].action
      function_name  = aws_lambda_permission.this[0].function_name
      principal      = aws_lambda_permission.this[0].principal
      source_arn     = aws_lambda_permission.this[0].source_arn
      source_account = aws_lambda_permission.this[0].source_account
      }) == jsonencode({
      statement_id   = "BucketInvokesFunction"
      action         = "lambda:InvokeFunction"
      function_name  = "site"
      principal      = "s3.amazonaws.com"
      source_arn     = "arn:aws:s3:::www.example.com"
      source_account = "123456789012"
    })
    error_message = "Somebody else may invoke the function, or nobody."
  }

  assert {
    condition = {
      retries = aws_lambda_function_event_invoke_config.this[0].maximum_retry_attempts
      age     = aws_lambda_function_event_invoke_config.this[0].maximum_event_age_in_seconds
      failed  = aws_lambda_function_event_invoke_config.this[0].destination_config[0].on_failure[0].destination
      } == {
      retries = 2
      age     = 21600
      failed  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    }
    error_message = "What cannot be purged does not go to the dead-letter queue."
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && jsondecode(output.role_policy_json).Statement[1].Sid == "ConsumeQueue"
      && output.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
    )
    error_message = "Dead letters could not be moved back: the function takes nothing from the queue."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "DenyWithoutTls"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sqs:*"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ]
    }
    error_message = "Somebody may send to a queue that nobody needs to send to."
  }
}

run "filters_go_to_s3_encoded_as_it_compares" {
  command = apply

  variables {
    event_filters = [
      { prefix = "x=1/red flowers/", suffix = ".css" },
      { prefix = "ünï+(1)/" },
      { prefix = "plain/a-b_c.d~e/" },
    ]
  }

  assert {
    condition     = [for queue in aws_s3_bucket_notification.this[0].queue : queue.filter_prefix] == ["x%3D1/red+flowers/", "%C3%BCn%C3%AF%2B%281%29/", "plain/a-b_c.d~e/"]
    error_message = "A prefix is not encoded as S3 wants it."
  }

  assert {
    condition     = [for queue in aws_s3_bucket_notification.this[0].queue : coalesce(queue.filter_suffix, "none")] == [".css", "none", "none"]
    error_message = "A suffix is not what was asked for."
  }

  assert {
    condition     = alltrue([for queue in aws_s3_bucket_notification.this[0].queue : queue.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:site" && queue.events == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])])
    error_message = "A filter does not send to the queue."
  }
}

run "filters_go_with_the_function_as_with_the_queue" {
  command = apply

  variables {
    delivery = "direct"
    event_filters = [
      { prefix = "a b/" },
      { prefix = "c/", suffix = "+.css" },
    ]
  }

  assert {
    condition     = [for function in aws_s3_bucket_notification.this[0].lambda_function : [function.id, function.filter_prefix, coalesce(function.filter_suffix, "none")]] == [["site-0", "a+b/", "none"], ["site-1", "c/", "%2B.css"]]
    error_message = "A filter is not encoded as S3 wants it."
  }
}

run "alarms_say_where_reasons_are_when_the_function_is_invoked_itself" {
  command = apply

  variables {
    delivery = "direct"
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["dead_letters"].alarm_description, "responsePayload") && strcontains(aws_cloudwatch_metric_alarm.this["misconfigured"].alarm_description, "three times in three minutes")
    error_message = "An alarm speaks of the queue's ways."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["undelivered"].metric_name == "DestinationDeliveryFailures" && aws_cloudwatch_metric_alarm.this["undelivered"].dimensions == tomap({ FunctionName = "site" })
    error_message = "Nobody is told when Lambda loses what failed."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.alarm_description) > 80 && length(alarm.alarm_description) <= 1024])
    error_message = "An alarm says too little or too much."
  }
}
