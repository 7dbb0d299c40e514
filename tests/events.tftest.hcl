# How events come from the bucket, by each way, and who may send.

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

run "the_module_owns_the_notification_and_only_the_bucket_sends" {
  command = apply

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue = [{
        id            = "site-0"
        queue_arn     = "arn:aws:sqs:eu-west-1:123456789012:site"
        events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
        filter_prefix = null
        filter_suffix = null
      }]
      lambda_function = []
      eventbridge     = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = !aws_s3_bucket_notification.this[0].eventbridge && (
      [for queue in aws_s3_bucket_notification.this[0].queue : queue.id] == ["site-0"]
    )
    error_message = "The notification does not send to the queue alone."
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
    condition = (aws_sqs_queue_policy.this.queue_url == aws_sqs_queue.this.url
      && aws_sqs_queue_policy.dead_letter.queue_url == aws_sqs_queue.dead_letter.url
    )
    error_message = "A policy is attached to the wrong queue."
  }
}

run "somebody_elses_notification_sends_to_the_queue" {
  command = apply

  variables {
    event_source = "none"
  }

  assert {
    condition     = [for queue in output.notification.queue : queue.queue_arn] == [output.queue_arn]
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Sid] == [
      "BucketSendsEvents", "DenyWithoutTls"
    ]
    error_message = "The bucket may not send what somebody else's notification lets it."
  }
}

run "the_buckets_eventbridge_delivery_stays_on_when_somebody_else_needs_it" {
  command = plan

  variables {
    keep_eventbridge = true
  }

  assert {
    condition     = aws_s3_bucket_notification.this[0].eventbridge && output.notification.eventbridge
    error_message = "What others hear of through EventBridge is switched off."
  }
}

run "the_bucket_invokes_the_function_itself" {
  command = apply

  variables {
    delivery      = "direct"
    event_filters = [{ prefix = "a b/" }, { prefix = "c/", suffix = "+.css" }]
  }

  assert {
    condition = jsonencode(output.notification) == jsonencode({
      queue = []
      lambda_function = [
        {
          id                  = "site-0"
          lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:site"
          events              = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
          filter_prefix       = "a+b/"
          filter_suffix       = null
        },
        {
          id                  = "site-1"
          lambda_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:site"
          events              = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
          filter_prefix       = "c/"
          filter_suffix       = "%2B.css"
        },
      ]
      eventbridge = false
    })
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = (length(aws_s3_bucket_notification.this[0].queue) == 0
      && [for function in aws_s3_bucket_notification.this[0].lambda_function : [function.id, function.filter_prefix]]
      == [["site-0", "a+b/"], ["site-1", "c/"]]
    )
    error_message = "The notification does not invoke the function alone."
  }

  assert {
    condition = [for permission in aws_lambda_permission.this : {
      id      = permission.statement_id
      action  = permission.action
      of      = permission.function_name
      who     = permission.principal
      source  = permission.source_arn
      account = permission.source_account
      }] == [{
      id      = "BucketInvokesFunction"
      action  = "lambda:InvokeFunction"
      of      = "site"
      who     = "s3.amazonaws.com"
      source  = "arn:aws:s3:::www.example.com"
      account = "123456789012"
    }]
    error_message = "Somebody else may invoke the function, or nobody."
  }

  assert {
    condition = [for config in aws_lambda_function_event_invoke_config.this : {
      retries = config.maximum_retry_attempts
      age     = config.maximum_event_age_in_seconds
      failed  = config.destination_config[0].on_failure[0].destination
    }] == [{ retries = 2, age = 21600, failed = "arn:aws:sqs:eu-west-1:123456789012:site-dlq" }]
    error_message = "What cannot be purged does not go to the dead-letter queue."
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && jsondecode(output.role_policy_json).Statement[1].Sid == "ConsumeQueue"
    )
    error_message = "Dead letters could not be moved back: the function takes nothing from the queue."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Sid] == [
      "DenyWithoutTls"
    ]
    error_message = "Somebody may send to a queue that nobody needs to send to."
  }
}

run "filters_go_to_s3_encoded_as_it_compares" {
  command = apply

  variables {
    event_filters = [
      { prefix = "~user/" },
      { prefix = "ünï+(1)/" },
      { prefix = "plain/a-b_c.d/" },
      { prefix = "x=1/red flowers/", suffix = ".css" },
    ]
  }

  assert {
    condition = [for queue in aws_s3_bucket_notification.this[0].queue : [
      queue.filter_prefix, coalesce(queue.filter_suffix, "none"), queue.queue_arn, join(",", sort(queue.events))
      ]] == [
      for prefix, suffix in {
        "x%3D1/red+flowers/"       = ".css"
        "%7Euser/"                 = "none"
        "%C3%BCn%C3%AF%2B%281%29/" = "none"
        "plain/a-b_c.d/"           = "none"
      } : [prefix, suffix, "arn:aws:sqs:eu-west-1:123456789012:site", "s3:ObjectCreated:*,s3:ObjectRemoved:*"]
    ]
    error_message = "A filter is not encoded as S3 wants it, or does not send to the queue."
  }
}

run "a_rule_sends_to_the_queue" {
  command = apply

  variables {
    event_source = "eventbridge"
  }

  assert {
    condition = output.notification.eventbridge && (
      length(output.notification.queue) + length(output.notification.lambda_function) == 0
    )
    error_message = "An owner of the bucket's notification is told something else than what it must hold."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail      = { bucket = { name = ["www.example.com"] } }
    }
    error_message = "The rule takes other events than what was asked for."
  }

  assert {
    condition = (aws_cloudwatch_event_target.this[0].rule == "site"
      && aws_cloudwatch_event_target.this[0].arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && aws_cloudwatch_event_target.this[0].dead_letter_config[0].arn == "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    )
    error_message = "The rule does not send to the queue, or what it cannot deliver is dropped."
  }

  assert {
    condition     = output.event_rule_arn == "arn:aws:events:eu-west-1:123456789012:rule/site"
    error_message = "The output is not the rule's ARN."
  }

  assert {
    condition = [for statement in concat(
      jsondecode(aws_sqs_queue_policy.this.policy).Statement,
      jsondecode(aws_sqs_queue_policy.dead_letter.policy).Statement,
      ) : jsonencode(statement) if statement.Sid != "DenyWithoutTls"] == [for statement in [
      {
        Sid       = "RuleSendsEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:site"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/site" } }
      },
      {
        Sid       = "RuleParksEvents"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
        Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:events:eu-west-1:123456789012:rule/site" } }
      },
    ] : jsonencode(statement)]
    error_message = "Somebody else than the rule may send to a queue, or the rule may not."
  }
}

run "a_rule_invokes_the_function_itself_for_the_keys_as_they_are" {
  command = apply

  variables {
    event_source = "eventbridge"
    delivery     = "direct"
    event_filters = [
      { prefix = "x=1/rëd flowers/" },
      { suffix = ".css" },
      { prefix = "a\\b/", suffix = ".js" },
      { prefix = "a/logo", suffix = "logo.png" },
      { prefix = "b/", suffix = "/" },
      { prefix = "aba", suffix = "aba" },
    ]
    events = [
      "s3:ObjectAcl:Put",
      "s3:ObjectTagging:Put",
      "s3:ObjectTagging:Delete",
      "s3:ObjectRestore:Completed",
      "s3:LifecycleExpiration:*",
      "s3:ObjectRemoved:DeleteMarkerCreated",
      "s3:ObjectCreated:Copy",
    ]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source = ["aws.s3"]
      detail-type = [
        "Object ACL Updated",
        "Object Created",
        "Object Deleted",
        "Object Restore Completed",
        "Object Restore Expired",
        "Object Restore Initiated",
        "Object Tags Added",
        "Object Tags Deleted",
      ]
      detail = {
        bucket = { name = ["www.example.com"] }
        object = { key = [
          { prefix = "x=1/rëd flowers/" },
          { suffix = ".css" },
          { wildcard = "a\\\\b/*.js" },
          { wildcard = "a/logo*logo.png" },
          { wildcard = "b/*/" },
          { wildcard = "aba*aba" },
          "a/logo.png", "b/", "ababa", "aba",
        ] }
      }
    }
    error_message = "The rule takes other events than what was asked for."
  }

  assert {
    condition = [for permission in aws_lambda_permission.this : {
      id      = permission.statement_id
      action  = permission.action
      of      = permission.function_name
      who     = permission.principal
      source  = permission.source_arn
      account = coalesce(permission.source_account, "none")
      }] == [{
      id      = "RuleInvokesFunction"
      action  = "lambda:InvokeFunction"
      of      = "site"
      who     = "events.amazonaws.com"
      source  = "arn:aws:events:eu-west-1:123456789012:rule/site"
      account = "none"
    }]
    error_message = "Somebody else may invoke the function, or nobody."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this[0].arn == "arn:aws:lambda:eu-west-1:123456789012:function:site"
    error_message = "The rule does not invoke the function."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Sid] == [
      "DenyWithoutTls"
    ]
    error_message = "Somebody may send to a queue that nobody needs to send to."
  }
}

run "one_filter_that_takes_every_key_leaves_none_out_in_eventbridge" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = [{ prefix = "a/" }, {}]
    events        = ["s3:LifecycleExpiration:Delete"]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Deleted"]
      detail      = { bucket = { name = ["www.example.com"] } }
    }
    error_message = "The rule takes other events than what was asked for."
  }
}

run "more_filters_than_a_rule_can_hold_are_refused" {
  command = plan

  variables {
    event_source = "eventbridge"
    event_filters = [for a in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] :
      { prefix = "%{for b in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}012345678901234567890123456789012345678901234%{endfor}" }
    ]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}
