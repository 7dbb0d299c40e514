# What EventBridge is asked for, and whom it may tell.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "a_rule_sends_to_the_queue" {
  command = apply

  variables {
    event_source = "eventbridge"
    tags         = { team = "web" }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 0, rule = 1, target = 1, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = []
      lambda_function = []
      eventbridge     = true
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "RuleSendsEvents"
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "sqs:SendMessage"
          Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
          Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/site" } }
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
    error_message = "Somebody else than the rule may send to the queue."
  }

  assert {
    condition = {
      name   = aws_cloudwatch_event_rule.this[0].name
      tags   = jsonencode(aws_cloudwatch_event_rule.this[0].tags)
      rule   = aws_cloudwatch_event_target.this[0].rule
      target = aws_cloudwatch_event_target.this[0].arn
      } == {
      name   = "site"
      tags   = jsonencode({ team = "web" })
      rule   = "site"
      target = "arn:aws:sqs:eu-west-1:123456789012:site"
    }
    error_message = "The rule does not send to the queue, or has not its name and tags."
  }
}

run "what_a_rule_cannot_deliver_is_parked_by_that_rule_alone" {
  command = apply

  variables {
    event_source = "eventbridge"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this[0].dead_letter_config[0].arn == "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    error_message = "What EventBridge cannot deliver is dropped."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.dead_letter.policy).Statement == [
      {
        Sid       = "RuleParksEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/site" } }
      },
      {
        Sid       = "DenyWithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
    error_message = "Somebody but the rule may park, or the rule may not."
  }
}

run "a_rule_invokes_the_function_itself" {
  command = apply

  variables {
    event_source = "eventbridge"
    delivery     = "direct"
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 0, rule = 1, target = 1, permission = 1, on_failure = 1, role = 1, policy = 1, alarms = 7 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue           = []
      lambda_function = []
      eventbridge     = true
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
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
      statement_id   = "RuleInvokesFunction"
      action         = "lambda:InvokeFunction"
      function_name  = "site"
      principal      = "events.amazonaws.com"
      source_arn     = "arn:aws:events:eu-west-1:123456789012:rule/site"
      source_account = null
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
    condition     = aws_cloudwatch_event_target.this[0].arn == "arn:aws:lambda:eu-west-1:123456789012:function:site"
    error_message = "The rule does not invoke the function."
  }
}

run "every_event_has_its_counterpart_in_eventbridge" {
  command = apply

  variables {
    event_source = "eventbridge"
    events       = ["s3:ObjectAcl:Put", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete", "s3:ObjectRestore:Completed", "s3:LifecycleExpiration:*", "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectCreated:Copy"]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object ACL Updated", "Object Created", "Object Deleted", "Object Restore Completed", "Object Restore Expired", "Object Restore Initiated", "Object Tags Added", "Object Tags Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}

run "expiry_alone_is_a_deletion_in_eventbridge" {
  command = apply

  variables {
    event_source = "eventbridge"
    events       = ["s3:LifecycleExpiration:Delete"]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}

run "filters_go_to_eventbridge_as_the_keys_are" {
  command = apply

  variables {
    event_source = "eventbridge"
    event_filters = [
      { prefix = "x=1/rëd flowers/" },
      { suffix = ".css" },
      { prefix = "a\\b/", suffix = ".js" },
    ]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
        object = { key = [{ prefix = "x=1/rëd flowers/" }, { suffix = ".css" }, { wildcard = "a\\\\b/*.js" }] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}

run "a_prefix_and_a_suffix_that_share_characters_take_that_key_too" {
  command = apply

  variables {
    event_source = "eventbridge"
    event_filters = [
      { prefix = "a/logo", suffix = "logo.png" },
      { prefix = "b/", suffix = "/" },
      { prefix = "aba", suffix = "aba" },
    ]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
        object = { key = [{ wildcard = "a/logo*logo.png" }, { wildcard = "b/*/" }, { wildcard = "aba*aba" }, "a/logo.png", "b/", "ababa", "aba"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}

run "one_filter_that_takes_every_key_leaves_none_out_in_eventbridge" {
  command = apply

  variables {
    event_source  = "eventbridge"
    event_filters = [{ prefix = "a/" }, {}]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail = {
        bucket = { name = ["www.example.com"] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}
