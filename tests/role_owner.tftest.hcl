# Whose role the function has, and what a brought one must allow.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "a_role_that_is_made_has_the_policy_a_brought_one_is_told_to_have" {
  command = apply

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
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

run "a_brought_role_makes_nothing_in_iam" {
  command = apply

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/service/mine" }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 0, policy = 0, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition     = jsondecode(output.role_policy_json) == jsondecode(run.a_role_that_is_made_has_the_policy_a_brought_one_is_told_to_have.role_policy_json)
    error_message = "The role may do something else than the four things and what this mode needs."
  }

  assert {
    condition     = aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/service/mine" && output.role_arn == "arn:aws:iam::123456789012:role/service/mine" && output.role_name == "mine"
    error_message = "The brought role is not used."
  }
}

run "a_role_brought_on_purpose_makes_nothing_in_iam" {
  command = apply

  variables {
    role                  = { create = false, arn = "arn:aws:iam::123456789012:role/mine" }
    repurge_after_seconds = 60
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 0, policy = 0, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement == concat(jsondecode(run.a_role_that_is_made_has_the_policy_a_brought_one_is_told_to_have.role_policy_json).Statement, [
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
    condition     = aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/mine" && output.role_name == "mine"
    error_message = "The brought role is not used."
  }
}

run "a_role_made_on_purpose_is_the_modules" {
  command = apply

  variables {
    role = { create = true }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition     = aws_iam_role_policy.this[0].policy == output.role_policy_json && aws_iam_role_policy.this[0].role == "site"
    error_message = "The module's own role has another policy than a brought role is told to have."
  }

  assert {
    condition     = aws_lambda_function.this.role == "arn:aws:iam::123456789012:role/site"
    error_message = "The function has another role than the module's."
  }
}
