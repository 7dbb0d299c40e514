# What is created, and what the policies say, for the defaults and for each option.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  override_resource {
    target = aws_sqs_queue.this
    values = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:site"
      url = "https://sqs.eu-west-1.amazonaws.com/123456789012/site"
    }
  }

  override_resource {
    target = aws_sqs_queue.dead_letter
    values = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
      url = "https://sqs.eu-west-1.amazonaws.com/123456789012/site-dlq"
    }
  }

  override_resource {
    target = aws_cloudwatch_log_group.this
    values = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site" }
  }

  override_resource {
    target = aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:site" }
  }

  override_resource {
    target = aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/site" }
  }
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "the_role_may_do_four_things_each_on_one_arn" {
  command = apply

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy) == {
      Version = "2012-10-17"
      Statement = [
        {
          Sid      = "WriteLog"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/site:*"
        },
        {
          Sid      = "ConsumeQueue"
          Effect   = "Allow"
          Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
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
          Resource = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/cloudflare/api-token"
        },
      ]
    }
    error_message = "The role's policy is not the four statements it should be."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement == [{ Sid = "LambdaRunsAsThisRole", Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
    error_message = "Somebody but Lambda may assume the role."
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

run "the_function_is_the_committed_zip_and_is_told_everything_but_the_token" {
  command = apply

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/cf_purge.zip") && aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function is not the committed zip on its runtime."
  }

  assert {
    condition = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG) == {
      name                  = "site"
      bucket                = "www.example.com"
      api_token_parameter   = "/prod/cloudflare/api-token"
      targets               = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"], key_prefix = "", path_prefix = "", schemes = ["https"], index_documents = ["index.html"] }]
      include               = []
      exclude               = []
      cloudflare            = { plan = "free", requests_per_second = 4, email = null, api_url = "https://api.cloudflare.com/client/v4" }
      max_concurrency       = 2
      log_level             = "INFO"
      dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:123456789012:site-dlq"
    }
    error_message = "The function's configuration is not what the variables say."
  }

  assert {
    condition     = keys(aws_lambda_function.this.environment[0].variables) == tolist(["CF_PURGE_CONFIG"])
    error_message = "The function has another environment variable."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/site" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The function must log JSON into its own log group."
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
    condition     = [for queue in aws_s3_bucket_notification.this.queue : queue.filter_prefix] == ["x%3D1/red+flowers/", "%C3%BCn%C3%AF%2B%281%29/", "plain/a-b_c.d~e/"]
    error_message = "A prefix is not encoded as S3 wants it."
  }

  assert {
    condition     = [for queue in aws_s3_bucket_notification.this.queue : coalesce(queue.filter_suffix, "none")] == [".css", "none", "none"]
    error_message = "A suffix is not what was asked for."
  }

  assert {
    condition     = alltrue([for queue in aws_s3_bucket_notification.this.queue : queue.queue_arn == "arn:aws:sqs:eu-west-1:123456789012:site" && queue.events == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])])
    error_message = "A filter does not send to the queue."
  }
}

run "a_parameter_is_named_with_or_without_its_slash" {
  command = apply

  variables {
    api_token_parameter = "cloudflare-token"
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[3].Resource == "arn:aws:ssm:eu-west-1:123456789012:parameter/cloudflare-token"
    error_message = "The parameter's ARN is built wrongly."
  }
}

run "a_parameter_is_named_by_its_arn_even_in_another_region" {
  command = apply

  variables {
    api_token_parameter   = "arn:aws:ssm:us-east-1:210987654321:parameter/shared/cloudflare"
    api_token_kms_key_arn = "arn:aws:kms:us-east-1:210987654321:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[3].Resource == "arn:aws:ssm:us-east-1:210987654321:parameter/shared/cloudflare"
    error_message = "The parameter's ARN is not the one given."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy).Statement[4] == {
      Sid      = "DecryptApiToken"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = "arn:aws:kms:us-east-1:210987654321:key/11111111-2222-3333-4444-555555555555"
      Condition = { StringEquals = {
        "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:us-east-1:210987654321:parameter/shared/cloudflare"
        "kms:ViaService"                      = "ssm.us-east-1.amazonaws.com"
      } }
    }
    error_message = "The key may be used for more than the one parameter."
  }
}

run "a_customer_key_encrypts_both_queues_and_the_role_may_use_it_through_sqs_alone" {
  command = apply

  variables {
    queue = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] : queue.kms_master_key_id == "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"])
    error_message = "A queue is not encrypted with the customer's key."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this[0].policy).Statement[4] == {
      Sid       = "UseQueueKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
      Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }
    }
    error_message = "The role's right to the queue's key is not bound to SQS."
  }
}

run "the_role_has_a_path_and_a_boundary" {
  command = apply

  variables {
    role = { path = "/service/", permissions_boundary = "arn:aws:iam::123456789012:policy/bound" }
  }

  assert {
    condition     = aws_iam_role.this[0].path == "/service/" && aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/bound"
    error_message = "The role is not where or as bounded as asked."
  }
}

run "nothing_is_created_in_iam_for_a_role_that_is_brought" {
  command = apply

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/service/mine" }
  }

  assert {
    condition     = length(aws_iam_role.this) == 0 && length(aws_iam_role_policy.this) == 0 && aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/service/mine"
    error_message = "The brought role is not used, or another is created."
  }

  assert {
    condition     = output.role_arn == "arn:aws:iam::123456789012:role/service/mine" && output.role_name == "mine"
    error_message = "The outputs do not name the brought role."
  }
}

run "several_targets_keep_their_own_hosts_and_folders" {
  command = apply

  variables {
    targets = [
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com", "example.com"], schemes = ["https", "http"] },
      { zone_id = "fedcba9876543210fedcba9876543210", hosts = ["cdn.example.net"], key_prefix = "assets/", path_prefix = "static/", index_documents = [] },
    ]
    lambda = { log_level = "DEBUG" }
  }

  assert {
    condition = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).targets == [
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com", "example.com"], key_prefix = "", path_prefix = "", schemes = ["https", "http"], index_documents = ["index.html"] },
      { zone_id = "fedcba9876543210fedcba9876543210", hosts = ["cdn.example.net"], key_prefix = "assets/", path_prefix = "static/", schemes = ["https"], index_documents = [] },
    ]
    error_message = "The targets are not passed on as given."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Debug lines would be dropped by Lambda."
  }
}

run "metric_lines_pass_at_every_log_level" {
  command = apply

  variables {
    lambda = { log_level = "ERROR" }
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "INFO" && jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).log_level == "ERROR"
    error_message = "Lambda would drop the metric lines, and with them the alarms."
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
