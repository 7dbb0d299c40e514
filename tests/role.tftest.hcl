# What the function may do, and by whose role.

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

run "the_role_may_do_four_things_each_on_one_arn" {
  command = apply

  assert {
    # Each of them exactly in the next run.
    condition = [for statement in jsondecode(aws_iam_role_policy.this[0].policy).Statement : statement.Sid] == [
      "WriteLog", "ConsumeQueue", "ParkDeadLetters", "ReadApiToken",
    ]
    error_message = "The role's policy is not the four statements it should be."
  }

  assert {
    condition = jsondecode(aws_iam_role.this[0].assume_role_policy).Statement == [{
      Sid       = "LambdaRunsAsThisRole"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
    error_message = "Somebody but Lambda may assume the role."
  }

  assert {
    condition     = aws_lambda_function.this.role == output.role_arn && aws_iam_role_policy.this[0].role == "site"
    error_message = "The function does not run as the role, or the role does not have the policy."
  }

  assert {
    condition = jsondecode(output.invoke_policy_json).Statement == [{
      Sid      = "PurgeByHand"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = "arn:aws:lambda:eu-west-1:123456789012:function:site"
    }]
    error_message = "The policy for purging by hand allows something else."
  }
}

run "a_role_whose_function_delays_changes_may_send_to_its_queue" {
  command = apply

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", delay_seconds = 60 }]
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[4].Sid == "SendForLater"
    error_message = "The function cannot send what is delayed."
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
    error_message = "The role may do something else than the four things and what these modes need."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json
    error_message = "The module's own role has another policy than the output says."
  }

  assert {
    condition = alltrue([for queue in [aws_sqs_queue.this, aws_sqs_queue.dead_letter] :
      endswith(queue.kms_master_key_id, "key/66666666-7777-8888-9999-000000000000")
    ]) && endswith(aws_cloudwatch_log_group.this.kms_key_id, "key/11111111-2222-3333-4444-555555555555")
    error_message = "A queue or the log is not encrypted with the customer's key."
  }

  assert {
    condition = (aws_lambda_function.this.tracing_config[0].mode == "Active"
      && aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-01234567", "subnet-89abcdef"])
      && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-01234567"])
      && aws_lambda_function.this.vpc_config[0].ipv6_allowed_for_dual_stack
      && endswith(aws_lambda_function.this.code_signing_config_arn, ":csc-0123456789abcdef0")
    )
    error_message = "The function does not trace, is not signed, or is in other subnets or security groups."
  }
}

run "a_parameter_is_named_without_its_slash" {
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
    error_message = "The parameter's ARN is built wrongly."
  }

  assert {
    condition = (aws_iam_role.this[0].name == "site-eu-west-1"
      && aws_iam_role.this[0].path == "/service/"
      && aws_iam_role.this[0].permissions_boundary == "arn:aws:iam::123456789012:policy/bound"
    )
    error_message = "The role is not where or as bounded as asked."
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

run "a_parameter_may_be_a_secret_of_secrets_manager" {
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

run "a_brought_role_makes_nothing_in_iam" {
  command = apply

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/service/mine" }
  }

  assert {
    condition     = length(aws_iam_role.this) + length(aws_iam_role_policy.this) == 0
    error_message = "The module makes something in IAM."
  }

  assert {
    condition = [for statement in jsondecode(output.role_policy_json).Statement : statement.Sid] == [
      "WriteLog", "ConsumeQueue", "ParkDeadLetters", "ReadApiToken",
    ]
    error_message = "A brought role is told to allow something else."
  }

  assert {
    condition = (aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/service/mine"
      && output.role_arn == "arn:aws:iam::123456789012:role/service/mine"
      && output.role_name == "mine"
    )
    error_message = "The brought role is not used."
  }
}
