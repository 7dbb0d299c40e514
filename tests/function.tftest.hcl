# What the function is, what it is told, and the queues before and behind it.

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

run "the_function_is_the_committed_zip_and_is_told_everything_but_the_token" {
  command = apply

  variables {
    tags = { team = "web" }
  }

  assert {
    condition = (aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/cf_purge.zip")
      && aws_lambda_function.this.runtime == "python3.13"
      && aws_lambda_function.this.architectures == tolist(["arm64"])
      && length(aws_lambda_function.this.vpc_config) == 0
      && aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    )
    error_message = "The function is not the committed zip on its runtime, or is in a VPC, or traces."
  }

  assert {
    condition = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG) == {
      name                = "site"
      bucket              = "www.example.com"
      api_token_parameter = "/token"
      targets             = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"] }]
      include             = []
      exclude             = []
      cloudflare = {
        plan                = "free"
        operation           = "purge"
        requests_per_second = 4
        email               = null
        api_url             = "https://api.cloudflare.com/client/v4"
        edge_url            = null
      }
      max_concurrency       = 2
      batch_size            = 10
      drain                 = 1000
      max_receive_count     = 30
      log_level             = "INFO"
      queue_arn             = "arn:aws:sqs:eu-west-1:123456789012:site"
      dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    }
    error_message = "The function's configuration is not what the variables say."
  }

  assert {
    condition     = keys(aws_lambda_function.this.environment[0].variables) == tolist(["CF_PURGE_CONFIG"])
    error_message = "The function has another environment variable."
  }

  assert {
    condition = (aws_lambda_function.this.logging_config[0].log_format == "JSON"
      && aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/site"
      && aws_cloudwatch_log_group.this.retention_in_days == 30
    )
    error_message = "The function must log JSON into its own log group."
  }

  assert {
    condition = (aws_sqs_queue.dead_letter.message_retention_seconds == 1209600
      && aws_sqs_queue.this.message_retention_seconds == 345600
    )
    error_message = "Dead letters must be kept for 14 days, longer than the queue keeps messages."
  }

  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      maxReceiveCount     = 30
    }
    error_message = "The queue does not give up to its dead-letter queue after 30 tries."
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
    error_message = "A queue is not encrypted, or takes larger messages than the function sends."
  }

  assert {
    condition = {
      queue   = output.queue_name
      dlq     = output.dlq_name
      log     = output.log_group_arn
      invoke  = output.invoke_arn
      mapping = output.event_source_mapping_uuid
      rule    = output.event_rule_arn == null
      } == {
      queue   = "site"
      dlq     = "site-dlq"
      log     = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site"
      invoke  = aws_lambda_function.this.invoke_arn
      mapping = aws_lambda_event_source_mapping.this.uuid
      rule    = true
    }
    error_message = "An output is about something else."
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 360
    error_message = "The visibility timeout must be six times the function's."
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.batch_size == 10
      && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0
      && aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 2
    )
    error_message = "The mapping must take batches of 10 without a window, report single failures and be bounded."
  }

  assert {
    condition = distinct(concat([for alarm in aws_cloudwatch_metric_alarm.this : alarm.tags.team], [
      aws_sqs_queue.this.tags.team,
      aws_sqs_queue.dead_letter.tags.team,
      aws_lambda_function.this.tags.team,
      aws_lambda_event_source_mapping.this.tags.team,
      aws_cloudwatch_log_group.this.tags.team,
      aws_iam_role.this[0].tags.team,
    ])) == tolist(["web"])
    error_message = "Something has no tags."
  }
}

# That every kind of target arrives in the function, tests/plans proves.
run "the_function_and_the_mapping_are_told_the_same" {
  command = apply

  variables {
    queue  = { batch_size = 5, max_concurrency = 3 }
    lambda = { log_level = "DEBUG" }
  }

  assert {
    condition = (aws_lambda_event_source_mapping.this.batch_size == 5
      && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 3
      && jsondecode(output.config_json).batch_size == 5
      && jsondecode(output.config_json).max_concurrency == 3
    )
    error_message = "The function's idea of a full batch or of its share is not the mapping's."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Debug lines would be dropped by Lambda."
  }
}

run "rules_make_the_tags_that_s3_does_not_send" {
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
        hosts       = ["c.example.com"]
        path_prefix = "blog"
        purge_by    = "tag"
        tags        = ["{dir}", "{key}"]
      },
      {
        zone_id    = "2a000000000000000000000000000001"
        hosts      = ["d.example.com"]
        key_prefix = "für Käufer"
        purge_by   = "tag"
        tags       = ["{key}"]
      },
      { zone_id = "2a000000000000000000000000000002", hosts = ["e.example.com"] },
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
      "2a000000000000000000000000000001" = [
        for condition in [
          "lower(http.host) in {\"c.example.com\"} and starts_with(http.request.uri.path, \"/blog/\")",
          "lower(http.host) in {\"d.example.com\"}",
          ] : {
          action     = "set_cache_tags"
          expression = "${condition} and any(http.response.headers.names[*] == \"x-amz-meta-cache-tag\")"
          action_parameters = {
            operation  = "add"
            expression = "split(http.response.headers[\"x-amz-meta-cache-tag\"][0], \",\", 128)"
          }
        }
      ]
    })
    error_message = "The rules make other tags than the function purges."
  }
}

run "another_package_is_taken_from_a_file_and_hashed" {
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
    error_message = "Lambda would drop the metric lines, and with them the alarms."
  }
}

run "a_file_that_is_made_later_has_the_hash_that_is_given" {
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
    error_message = "What the function is told is not known at plan."
  }
}

run "another_package_is_taken_from_s3_and_needs_no_hash" {
  command = apply

  variables {
    lambda = { package = { s3_bucket = "packages", s3_key = "cf_purge.zip", s3_object_version = "7" } }
  }

  assert {
    condition = (aws_lambda_function.this.filename == null
      && aws_lambda_function.this.s3_bucket == "packages"
      && aws_lambda_function.this.s3_key == "cf_purge.zip"
      && aws_lambda_function.this.s3_object_version == "7"
      && aws_lambda_function.this.source_code_hash != filebase64sha256("lambda/cf_purge.zip")
    )
    error_message = "The function is not the package that was given."
  }
}

run "a_file_that_is_not_there_is_refused_without_its_hash" {
  command = plan

  variables {
    lambda = { package = { filename = "made-later.zip" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_bucket_whose_name_is_no_hostname_needs_hosts" {
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
    error_message = "The configuration is larger than Lambda takes, or not compressed with gzip."
  }
}

# Digits that do not compress. Without functions, which OpenTofu 1.10 does not take here.
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
