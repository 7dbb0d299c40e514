# What the module plans: the function, how events reach it, its role, its alarms.

# Not in a folder of mocks, which OpenTofu does not support.
mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = { arn = "arn:aws:sqs:eu-west-1:123456789012:site", url = "https://example.com/site" }
  }

  override_resource {
    target = aws_sqs_queue.dead_letter
    values = { arn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq", url = "https://example.com/site-dlq" }
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

# The function, its configuration, and the queues.

run "the_function_is_the_committed_zip" {
  command = apply

  assert {
    condition = (aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/cf_purge.zip")
      && length(aws_lambda_function.this.vpc_config) == 0
      && aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    )
    error_message = "The function is not the committed zip, or has a VPC or tracing."
  }

  assert {
    condition = (aws_lambda_function.this.runtime == "python3.13"
      && aws_lambda_function.this.architectures == tolist(["arm64"])
      && aws_lambda_function.this.memory_size == 512
      && aws_lambda_function.this.timeout == 60
      && aws_cloudwatch_log_group.this.retention_in_days == 30
      && aws_sqs_queue.this.message_retention_seconds == 345600
    )
    error_message = "A default differs from what the documents say."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_policy.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      maxReceiveCount     = 30
    }
    error_message = "The queue does not move messages to its dead-letter queue after 30 receives."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter.redrive_allow_policy) == {
      redrivePermission = "byQueue"
      sourceQueueArns   = ["arn:aws:sqs:eu-west-1:123456789012:site"]
    }
    error_message = "Another queue may use the dead-letter queue."
  }

  assert {
    condition = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] :
      queue.sqs_managed_sse_enabled && queue.max_message_size == 262144
    ])
    error_message = "A queue is not encrypted, or accepts larger messages than the function sends."
  }

  assert {
    condition = (output.queue_name == "site"
      && output.dlq_name == "site-dlq"
      && output.queue_url == "https://example.com/site"
      && output.dlq_url == "https://example.com/site-dlq"
      && output.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && output.dlq_arn == "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      && output.function_name == "site"
      && output.function_arn == "arn:aws:lambda:eu-west-1:123456789012:function:site"
      && output.log_group_name == "/aws/lambda/site"
      && output.log_group_arn == "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site"
      && output.invoke_arn == aws_lambda_function.this.invoke_arn
      && output.event_source_mapping_uuid == aws_lambda_event_source_mapping.this.uuid
      && output.event_rule_arn == null
    )
    error_message = "An output has the wrong value."
  }
}

# tests/plans proves that every kind of target arrives in the function.
run "function_mapping_and_queue_have_the_given_limits" {
  command = apply

  variables {
    queue = {
      batch_size = 5, max_concurrency = 3, batch_window_seconds = 7, max_receive_count = 9, retention_seconds = 9999
    }
    lambda = {
      runtime            = "python3.12"
      architecture       = "x86_64"
      memory_size        = 1024
      timeout            = 100
      log_level          = "DEBUG"
      log_retention_days = 7
    }
  }

  assert {
    condition = (aws_lambda_function.this.runtime == "python3.12"
      && aws_lambda_function.this.architectures == tolist(["x86_64"])
      && aws_lambda_function.this.memory_size == 1024
      && aws_lambda_function.this.timeout == 100
      && aws_cloudwatch_log_group.this.retention_in_days == 7
      && aws_sqs_queue.this.message_retention_seconds == 9999
      && jsondecode(aws_sqs_queue_redrive_policy.this.redrive_policy).maxReceiveCount == 9
      && aws_lambda_event_source_mapping.this.batch_size == 5
      && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 3
      && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 7
      && jsondecode(output.config_json).batch_size == 5
      && jsondecode(output.config_json).max_concurrency == 3
    )
    error_message = "An input has no effect."
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 607
    error_message = "Messages that wait for a full batch would be delivered twice."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Debug lines would be dropped by Lambda."
  }
}

run "cache_response_rules_set_the_tags_that_s3_does_not_send" {
  command = plan

  variables {
    targets = [
      { zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{key}", "all-\"{bucket}\\"] },
      {
        zone_id     = "0123456789abcdef0123456789abcdef"
        hosts       = ["a.example.com", "b.example.com"]
        key_prefix  = "img/"
        path_prefix = "/static/i"
        purge_by    = "tag"
        tags        = ["{bucket}:{key}.{key}"]
      },
      {
        zone_id     = "2a000000000000000000000000000001"
        hosts       = ["d.example.com"]
        path_prefix = "für \"Käufer\""
        purge_by    = "tag"
        tags        = ["{key}"]
      },
      {
        # Requested as /a//b/ or as /a/b/, which URL normalization makes of it.
        zone_id     = "2a000000000000000000000000000001"
        hosts       = ["e.example.com"]
        path_prefix = "a//b"
        purge_by    = "tag"
        tags        = ["{key}"]
      },
    ]
  }

  assert {
    condition = jsonencode(output.cache_response_rules) == jsonencode({
      "0123456789abcdef0123456789abcdef" = [
        {
          action     = "set_cache_tags"
          expression = "lower(http.host) in {\"www.example.com\"}"
          action_parameters = {
            operation  = "add"
            expression = "split(concat(\"\", substring(http.request.uri.path, 1)), \" \", 1)"
          }
        },
        {
          action            = "set_cache_tags"
          expression        = "lower(http.host) in {\"www.example.com\"}"
          action_parameters = { operation = "add", values = ["all-\"www.example.com\\"] }
        },
        {
          action = "set_cache_tags"
          expression = join(" and ", [
            "lower(http.host) in {\"a.example.com\" \"b.example.com\"}",
            "starts_with(http.request.uri.path, \"/static/i/\")",
          ])
          action_parameters = {
            operation = "add"
            expression = join(", ", [
              "split(concat(\"www.example.com:img/\"", "substring(http.request.uri.path, 10)", "\".img/\"",
              "substring(http.request.uri.path, 10))", "\" \"", "1)",
            ])
          }
        },
      ]
      "2a000000000000000000000000000001" = [for host in ["d", "e"] : {
        action = "set_cache_tags"
        expression = join(" and ", [
          "lower(http.host) in {\"${host}.example.com\"}",
          "any(http.response.headers.names[*] == \"x-amz-meta-cache-tag\")",
        ])
        action_parameters = {
          operation  = "add"
          expression = "split(http.response.headers[\"x-amz-meta-cache-tag\"][0], \",\", 128)"
        }
      }]
    })
    error_message = "The rules set other tags than the function purges."
  }
}

run "a_package_in_a_file_is_hashed" {
  command = apply

  variables {
    lambda = { package = { filename = "lambda/package.py" }, log_level = "ERROR" }
  }

  assert {
    condition = (aws_lambda_function.this.filename == "lambda/package.py"
      && aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/package.py")
      && aws_lambda_function.this.s3_bucket == null
    )
    error_message = "The function is not the package that was given."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "INFO"
    error_message = "Lambda would drop the metric lines, so alarms would have no data."
  }
}

run "a_package_that_does_not_exist_yet_has_the_given_hash" {
  command = plan

  variables {
    lambda = { package = { filename = "later.zip", source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } }
  }

  assert {
    condition = (aws_lambda_function.this.filename == "later.zip"
      && aws_lambda_function.this.source_code_hash == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    )
    error_message = "The function does not have the hash that was given."
  }

  assert {
    condition     = jsondecode(output.config_json).targets[0].hosts == ["www.example.com"]
    error_message = "The function's configuration is not known at plan."
  }
}

run "a_missing_package_without_a_hash_is_refused" {
  command = plan

  variables {
    lambda = { package = { filename = "made-later.zip" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_folder_is_not_a_package" {
  command = plan

  variables {
    lambda = { package = { filename = "lambda" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_bucket_whose_name_is_not_a_hostname_needs_hosts" {
  command = plan

  variables {
    bucket = "my-assets"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_large_configuration_is_compressed" {
  command = apply

  variables {
    include = [for a in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : "%{for b in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}😀😀😀😀😀%{endfor}"]
    exclude = [for a in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] : "%{for b in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}😀😀😀😀😀%{endfor}"]
  }

  assert {
    condition = (startswith(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG, "H4sI")
      && length(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG) < 4096 - length("CF_PURGE_CONFIG")
    )
    error_message = "The configuration exceeds Lambda's limit, or is not compressed with gzip."
  }
}

run "a_quote_counts_twice_because_lambda_measures_json" {
  command = apply

  variables {
    targets = [for a in [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
      20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
    ] : { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["host-${a}.example.com"] }]
  }

  assert {
    condition     = length(jsonencode(aws_lambda_function.this.environment[0].variables)) <= 4096
    error_message = "The configuration exceeds Lambda's limit."
  }
}

# Digits that do not compress, without functions, which OpenTofu 1.10 does not accept here.
run "a_configuration_above_four_kilobytes_when_compressed_is_refused" {
  command = plan

  variables {
    targets = [for a in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] : {
      zone_id = "0123456789abcdef0123456789abcdef"
      hosts = [
        for b in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] :
        "%{for c in [0, 1, 2, 3, 4, 5, 6, 7]}${(a * 9176 + b * 1009 + c * 7919) * (a + b * 31 + c) % 999983}%{endfor}.a"
      ]
    }]
  }

  expect_failures = [aws_lambda_function.this]
}

# How events arrive in each mode, and who may send.

run "the_module_owns_the_notification_and_only_the_bucket_may_send" {
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
    error_message = "The output notification is wrong."
  }

  assert {
    condition = !aws_s3_bucket_notification.this[0].eventbridge && (
      [for queue in aws_s3_bucket_notification.this[0].queue : queue.id] == ["site-0"]
    )
    error_message = "The notification does not send to the queue only."
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
    error_message = "The queue's policy is wrong."
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
    error_message = "The dead-letter queue's policy is wrong."
  }

  assert {
    condition = (aws_sqs_queue_policy.this.queue_url == aws_sqs_queue.this.url
      && aws_sqs_queue_policy.dead_letter.queue_url == aws_sqs_queue.dead_letter.url
    )
    error_message = "A policy is attached to the wrong queue."
  }
}

run "keep_eventbridge_keeps_the_buckets_eventbridge_delivery_on" {
  command = plan

  variables {
    keep_eventbridge = true
  }

  assert {
    condition     = aws_s3_bucket_notification.this[0].eventbridge && output.notification.eventbridge
    error_message = "EventBridge delivery is switched off."
  }
}

run "with_direct_delivery_the_bucket_invokes_the_function" {
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
    error_message = "The output notification is wrong."
  }

  assert {
    condition = (length(aws_s3_bucket_notification.this[0].queue) == 0
      && [for function in aws_s3_bucket_notification.this[0].lambda_function : {
        id                  = function.id
        lambda_function_arn = function.lambda_function_arn
        events              = sort(function.events)
        filter_prefix       = function.filter_prefix
        filter_suffix       = function.filter_suffix == "" ? null : function.filter_suffix
      }] == output.notification.lambda_function
    )
    error_message = "The notification does not invoke the function only."
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
    error_message = "The permission to invoke the function is wrong."
  }

  assert {
    condition = [for config in aws_lambda_function_event_invoke_config.this : {
      retries = config.maximum_retry_attempts
      age     = config.maximum_event_age_in_seconds
      failed  = config.destination_config[0].on_failure[0].destination
    }] == [{ retries = 2, age = 21600, failed = "arn:aws:sqs:eu-west-1:123456789012:site-dlq" }]
    error_message = "Failed events do not go to the dead-letter queue."
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && jsondecode(output.role_policy_json).Statement[1].Sid == "ConsumeQueue"
    )
    error_message = "Dead letters could not be moved back: the function does not read the queue."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Sid] == [
      "DenyWithoutTls"
    ]
    error_message = "A policy allows sending to a queue that gets no events."
  }
}

run "filters_are_encoded_as_s3_compares_them" {
  command = apply

  variables {
    events = ["s3:ObjectTagging:*", "s3:ObjectCreated:Put"]
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
      } : [prefix, suffix, "arn:aws:sqs:eu-west-1:123456789012:site", "s3:ObjectCreated:Put,s3:ObjectTagging:*"]
    ]
    error_message = "A filter is not encoded as S3 compares it, does not send to the queue, or has other events."
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
    error_message = "The output notification is wrong."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this[0].event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created", "Object Deleted"]
      detail      = { bucket = { name = ["www.example.com"] } }
    }
    error_message = "The rule matches other events."
  }

  assert {
    condition = (aws_cloudwatch_event_target.this[0].rule == "site"
      && aws_cloudwatch_event_target.this[0].arn == "arn:aws:sqs:eu-west-1:123456789012:site"
      && aws_cloudwatch_event_target.this[0].dead_letter_config[0].arn == "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    )
    error_message = "The rule does not send to the queue, or undeliverable events are dropped."
  }

  assert {
    condition     = output.event_rule_arn == "arn:aws:events:eu-west-1:123456789012:rule/site"
    error_message = "The output is not the rule's ARN."
  }

  assert {
    condition = (aws_cloudwatch_metric_alarm.this["undelivered"].metric_name == "InvocationsFailedToBeSentToDlq"
      && aws_cloudwatch_metric_alarm.this["undelivered"].dimensions == tomap({ RuleName = "site" })
      && strcontains(aws_cloudwatch_metric_alarm.this["undelivered"].alarm_description, "denies EventBridge access")
    )
    error_message = "No alarm says that EventBridge lost events."
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
    error_message = "Another sender than the rule is allowed, or the rule is not."
  }
}

run "with_direct_delivery_a_rule_matches_raw_keys_and_invokes_the_function" {
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
    error_message = "The rule matches other events."
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
    error_message = "The permission to invoke the function is wrong."
  }

  assert {
    condition     = aws_cloudwatch_event_target.this[0].arn == "arn:aws:lambda:eu-west-1:123456789012:function:site"
    error_message = "The rule does not invoke the function."
  }

  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this.policy).Statement : statement.Sid] == [
      "DenyWithoutTls"
    ]
    error_message = "A policy allows sending to a queue that gets no events."
  }
}

run "one_filter_for_every_key_makes_the_rule_match_every_key" {
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
    error_message = "The rule matches other events."
  }
}

run "filters_that_exceed_a_rule_are_refused" {
  command = plan

  variables {
    event_source = "eventbridge"
    event_filters = [for a in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] :
      { prefix = "%{for b in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}012345678901234567890123456789012345678901234%{endfor}" }
    ]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

# The function's permissions and role.

run "the_role_has_four_statements_each_on_one_arn" {
  command = apply

  assert {
    # Each of them exactly in the next run.
    condition = [for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : statement.Sid] == [
      "WriteLog", "ConsumeQueue", "ParkDeadLetters", "ReadApiToken",
    ]
    error_message = "The role's policy differs from the four statements."
  }

  assert {
    condition = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement == [{
      Sid       = "LambdaRunsAsThisRole"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
    error_message = "Not only Lambda may assume the role."
  }

  assert {
    # By its ID: a role that is replaced may keep its name, and then the policy would not follow.
    condition = (aws_lambda_function.this.role == output.role_arn
      && aws_iam_role_policy.this[0].role == aws_iam_role.this[0].id
    )
    error_message = "The function does not use the role, or the role lacks the policy."
  }

  assert {
    condition = jsondecode(output.invoke_policy_json).Statement == [{
      Sid      = "PurgeManually"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = "arn:aws:lambda:eu-west-1:123456789012:function:site"
    }]
    error_message = "The policy for manual purges allows something else."
  }
}

run "with_delayed_targets_the_role_may_send_to_its_queue" {
  command = apply

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", delay_seconds = 60 }]
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[4].Sid == "SendForLater"
    error_message = "The function may not send delayed changes."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["oldest_message"].threshold == 960
    error_message = "A delayed message can raise an alarm."
  }
}

run "every_mode_adds_its_own_statements_and_no_others" {
  command = apply

  variables {
    api_token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    queue = {
      kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/66666666-7777-8888-9999-000000000000"
    }
    verify = {}
    notify = { event_bus_arn = "arn:aws:events:us-east-1:210987654321:event-bus/news" }
    lambda = {
      tracing = "Active"
      vpc = {
        subnet_ids                  = ["subnet-01234567", "subnet-89abcdef"]
        security_group_ids          = ["sg-01234567"]
        ipv6_allowed_for_dual_stack = true
      }
      code_signing_config_arn = "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0"
      package                 = { s3_bucket = "packages", s3_key = "signed.zip", s3_object_version = "v1" }
      log_kms_key_arn         = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    }
  }

  assert {
    condition = output.role_policy_json == jsonencode({ Version = "2012-10-17", Statement = [
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site:*"
      },
      {
        Sid    = "ConsumeQueue"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = "arn:aws:sqs:eu-west-1:123456789012:site"
      },
      {
        Sid      = "ParkDeadLetters"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      },
      {
        Sid      = "ReadApiToken"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = "arn:aws:ssm:eu-west-1:123456789012:parameter/token"
      },
      {
        Sid      = "DecryptApiToken"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = { StringEquals = {
          "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:eu-west-1:123456789012:parameter/token"
          "kms:ViaService"                      = "ssm.eu-west-1.amazonaws.com"
        } }
      },
      {
        Sid       = "UseQueueKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/66666666-7777-8888-9999-000000000000"
        Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }
      },
      {
        Sid      = "SendForLater"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:aws:sqs:eu-west-1:123456789012:site"
      },
      {
        Sid      = "SendNotifications"
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = "arn:aws:events:us-east-1:210987654321:event-bus/news"
      },
      {
        Sid    = "ManageNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      },
      {
        Sid    = "KeepNetworkInterfacesFromCode"
        Effect = "Deny"
        Action = [
          "ec2:CreateNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:DeleteNetworkInterface",
          "ec2:AssignPrivateIpAddresses",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = { ArnEquals = {
          "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:site"
        } }
      },
      {
        Sid      = "SendTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
    ] })
    error_message = "The role's policy differs from the four statements and those of these modes."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json
    error_message = "The role's policy differs from the output."
  }

  assert {
    condition = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] :
      endswith(queue.kms_master_key_id, "key/66666666-7777-8888-9999-000000000000")
    ]) && endswith(aws_cloudwatch_log_group.this.kms_key_id, "key/11111111-2222-3333-4444-555555555555")
    error_message = "A queue or the log is not encrypted with the customer's key."
  }

  assert {
    condition = [for queue in aws_s3_bucket_notification.this[0].queue : queue.id] == [
      "site-0-66666666-7777-8888-9999-000000000000"
    ]
    error_message = "Another key would not change the notification, so S3 would not test it."
  }

  assert {
    condition = (aws_lambda_function.this.tracing_config[0].mode == "Active"
      && aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-01234567", "subnet-89abcdef"])
      && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-01234567"])
      && aws_lambda_function.this.vpc_config[0].ipv6_allowed_for_dual_stack
      && endswith(aws_lambda_function.this.code_signing_config_arn, ":csc-0123456789abcdef0")
      && aws_lambda_function.this.s3_bucket == "packages"
      && aws_lambda_function.this.s3_key == "signed.zip"
      && aws_lambda_function.this.s3_object_version == "v1"
    )
    error_message = "Tracing, code signing, package, subnets or security groups are wrong."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["oldest_message"].threshold == 920
    error_message = "A message that waits for its third look, after 5 · 2 · 2 seconds, can raise an alarm."
  }
}

run "a_parameter_may_be_named_without_its_leading_slash" {
  command = apply

  variables {
    api_token_parameter = "cloudflare-token"
    role = {
      name                 = "site-eu-west-1"
      path                 = "/service/"
      permissions_boundary = "arn:aws:iam::123456789012:policy/bound"
    }
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement[3].Resource == join(":", [
      "arn:aws:ssm:eu-west-1:123456789012", "parameter/cloudflare-token"
    ])
    error_message = "The parameter's ARN is wrong."
  }

  assert {
    condition = (aws_iam_role.this[0].name == "site-eu-west-1"
      && aws_iam_role.this[0].path == "/service/"
      && aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/bound"
    )
    error_message = "The role's path or boundary is wrong."
  }
}

run "a_parameter_may_be_in_another_region" {
  command = apply

  variables {
    api_token_parameter   = "arn:aws:ssm:us-east-1:210987654321:parameter/shared/cloudflare"
    api_token_kms_key_arn = "arn:aws:kms:us-east-1:210987654321:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = (jsondecode(output.role_policy_json).Statement[3].Resource == var.api_token_parameter
      && jsondecode(output.role_policy_json).Statement[4].Condition.StringEquals == {
        "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:us-east-1:210987654321:parameter/shared/cloudflare"
        "kms:ViaService"                      = "ssm.us-east-1.amazonaws.com"
      }
    )
    error_message = "The role may read another parameter, or use the key for another."
  }
}

run "a_parameter_may_refer_to_secrets_manager" {
  command = apply

  variables {
    api_token_parameter   = "/aws/reference/secretsmanager/token"
    api_token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = slice(jsondecode(output.role_policy_json).Statement, 3, 6) == [
      {
        Sid      = "ReadApiToken"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = "arn:aws:ssm:eu-west-1:123456789012:parameter/aws/reference/secretsmanager/token"
      },
      {
        Sid      = "ReadApiTokenSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-??????"
      },
      {
        Sid      = "DecryptApiToken"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = {
          StringEquals = { "kms:ViaService" = "secretsmanager.eu-west-1.amazonaws.com" }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-??????"
          }
        }
      },
    ]
    error_message = "The role may not read the secret, or may read another."
  }
}

run "an_existing_role_is_used" {
  command = apply

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/service/mine" }
  }

  assert {
    condition = (aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/service/mine"
      && output.role_arn == "arn:aws:iam::123456789012:role/service/mine"
      && output.role_name == "mine"
    )
    error_message = "The existing role is not used."
  }
}

# Alarms, the dashboard and the saved queries.

run "every_alarm_has_actions_and_there_is_no_dashboard_by_default" {
  command = apply

  variables {
    alarms = {
      actions    = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
      ok_actions = ["arn:aws:sns:eu-west-1:123456789012:calm"]
      disabled   = ["throttles"]

      oldest_message_seconds = 600
      lag_milliseconds       = 30000
      actions_by_alarm = {
        lag = ["arn:aws:sns:eu-west-1:123456789012:chat"]
      }
    }
  }

  assert {
    condition = keys(output.alarm_arns) == [
      "dead_letters", "errors", "lag", "misconfigured", "oldest_message"
    ]
    error_message = "An alarm is missing or superfluous."
  }

  assert {
    condition = alltrue([for kind, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:${kind == "lag" ? "chat" : "on-call"}"])
      && alarm.ok_actions == toset(["arn:aws:sns:eu-west-1:123456789012:calm"])
    ])
    error_message = "An alarm has other actions."
  }

  assert {
    condition = { for kind, alarm in aws_cloudwatch_metric_alarm.this :
      kind => [alarm.metric_name, alarm.statistic, alarm.threshold, alarm.period * alarm.evaluation_periods]
      } == {
      dead_letters   = ["ApproximateNumberOfMessagesVisible", "Maximum", 1, 300]
      errors         = ["Errors", "Sum", 1, 300]
      lag            = ["Lag", "Maximum", 30000, 300]
      misconfigured  = ["Misconfigured", "Sum", 1, 1200]
      oldest_message = ["ApproximateAgeOfOldestMessage", "Maximum", 600, 300]
    }
    error_message = "An alarm is about something else, or ends before the next try, which is at most 17 minutes later."
  }

  assert {
    condition = alltrue([for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.comparison_operator == "GreaterThanOrEqualToThreshold" && alarm.datapoints_to_alarm == 1
    ])
    error_message = "A single message or error raises no alarm."
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

run "the_dashboard_shows_alarms_and_links_of_its_region" {
  command = apply

  variables {
    dashboard = true
    delivery  = "direct"
  }

  assert {
    condition     = output.dashboard_name == "site-eu-west-1"
    error_message = "The dashboard is not named after module and Region: it would overwrite that of another Region."
  }

  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets :
      sort(widget.properties.alarms) if widget.type == "alarm"
    ] == [sort(values(output.alarm_arns))]
    error_message = "An alarm is missing."
  }

  assert {
    condition = (aws_cloudwatch_metric_alarm.this["undelivered"].metric_name == "DestinationDeliveryFailures"
      && aws_cloudwatch_metric_alarm.this["undelivered"].dimensions == tomap({ FunctionName = "site" })
      && strcontains(aws_cloudwatch_metric_alarm.this["dead_letters"].alarm_description, "responsePayload")
    )
    error_message = "No alarm says that Lambda lost failed events, or where their reason is."
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
    error_message = "A link is missing or wrong."
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

run "without_any_alarm_the_dashboard_has_no_alarm_widget" {
  command = apply

  variables {
    dashboard = true
    alarms    = { enabled = false }
  }

  assert {
    condition = length(output.alarm_arns) == 0 && !contains([
      for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.type
    ], "alarm")
    error_message = "There is an alarm, or an alarm widget without one, which CloudWatch refuses."
  }
}

run "descriptions_fit_with_the_longest_names" {
  command = apply

  variables {
    name     = "a23456789-123456789-123456789-123456789-123456789-1234567890"
    bucket   = "Legacy%{for n in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}_123456789_123456789%{endfor}_12345678"
    targets  = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"] }]
    alarms   = { oldest_message_seconds = 1209600, lag_milliseconds = 1209600000 }
    delivery = "direct"
  }

  assert {
    condition     = length(var.bucket) == 255 && length(aws_lambda_function.this.description) == 256
    error_message = "The function's description exceeds Lambda's 256 characters."
  }

  assert {
    # The mocked URLs and ARNs are replaced by the longest possible: 122 and 112 characters.
    condition = [for kind, alarm in aws_cloudwatch_metric_alarm.this : kind if 1024 < length(
      replace(replace(replace(replace(alarm.alarm_description,
        aws_sqs_queue.dead_letter.url, format("%0122d", 0)),
        aws_sqs_queue.dead_letter.arn, format("%0112d", 0)),
        aws_sqs_queue.this.url, format("%0122d", 0)),
      aws_sqs_queue.this.arn, format("%0112d", 0))
    )] == []
    error_message = "A description exceeds CloudWatch's 1,024 characters."
  }
}
