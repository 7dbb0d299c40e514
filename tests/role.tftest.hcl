# What the function's role may do.

mock_provider "aws" {
  source = "./tests/mocks"
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

run "the_role_may_decrypt_the_token_alone_with_its_key" {
  command = apply

  variables {
    api_token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid      = "DecryptApiToken"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = { StringEquals = {
          "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/cloudflare/api-token"
          "kms:ViaService"                      = "ssm.eu-west-1.amazonaws.com"
        } }
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }
}

run "the_role_may_use_the_queues_key_through_sqs_alone" {
  command = apply

  variables {
    queue = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid       = "UseQueueKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] : queue.kms_master_key_id == "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"])
    error_message = "A queue is not encrypted with the customer's key."
  }
}

run "the_logs_key_needs_nothing_of_the_role" {
  command = apply

  variables {
    lambda = { log_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition     = jsondecode(output.role_policy_json) == jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json)
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    error_message = "The log is not encrypted with the customer's key."
  }
}

run "second_purges_let_the_role_send_to_its_own_queue" {
  command = apply

  variables {
    repurge_after_seconds = 60
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid      = "SendSecondPurges"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:aws:sqs:eu-west-1:123456789012:site"
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }
}

run "a_vpc_lets_lambda_manage_interfaces_and_the_code_not" {
  command = apply

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-01234567", "subnet-89abcdef"], security_group_ids = ["sg-01234567"] } }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid      = "ManageNetworkInterfaces"
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        Resource = "*"
      },
      {
        Sid       = "KeepNetworkInterfacesFromCode"
        Effect    = "Deny"
        Action    = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:site" } }
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }
}

run "tracing_lets_the_role_send_traces" {
  command = apply

  variables {
    lambda = { tracing = "Active" }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid      = "SendTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }
}

run "every_mode_at_once_has_each_statement_once" {
  command = apply

  variables {
    api_token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    queue                 = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
    repurge_after_seconds = 60
    delivery              = "direct"
    event_source          = "eventbridge"
    lambda                = { tracing = "Active", vpc = { subnet_ids = ["subnet-01234567", "subnet-89abcdef"], security_group_ids = ["sg-01234567"] } }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 0, rule = 1, target = 1, permission = 1, on_failure = 1, role = 1, policy = 1, alarms = 7 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.the_role_may_do_four_things_each_on_one_arn.role_policy_json).Statement, [
      {
        Sid      = "DecryptApiToken"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = { StringEquals = {
          "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/cloudflare/api-token"
          "kms:ViaService"                      = "ssm.eu-west-1.amazonaws.com"
        } }
      },
      {
        Sid       = "UseQueueKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
        Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-west-1.amazonaws.com" } }
      },
      {
        Sid      = "SendSecondPurges"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:aws:sqs:eu-west-1:123456789012:site"
      },
      {
        Sid      = "ManageNetworkInterfaces"
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        Resource = "*"
      },
      {
        Sid       = "KeepNetworkInterfacesFromCode"
        Effect    = "Deny"
        Action    = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = "arn:aws:lambda:eu-west-1:123456789012:function:site" } }
      },
      {
        Sid      = "SendTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
    ])
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }
}
