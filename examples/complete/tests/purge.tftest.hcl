# What this root relies on, asked of the module's outputs without any account: `terraform init && terraform test`.

mock_provider "aws" {
  # A mock makes up eight letters for an ARN. Inputs of the module that take one refuse them.
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/boundary" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/services/corporate-purge" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:website-on-call" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:corporate-purge" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:corporate-purge" }
  }
}

run "who_purges_by_hand_finds_the_function_under_its_name" {
  assert {
    condition     = module.cf_purge.function_name == "corporate-purge"
    error_message = "The function has another name than the one in everybody's scripts."
  }
}

run "who_purges_by_hand_may_invoke_this_function_and_nothing_else" {
  assert {
    condition = jsondecode(aws_iam_role_policy.marketing.policy).Statement == [
      {
        Sid      = "PurgeByHand"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = module.cf_purge.function_arn
      },
    ]
    error_message = "The role for purging by hand may do something else."
  }
}

run "the_function_reads_one_parameter" {
  assert {
    condition = [
      for one in jsondecode(module.cf_purge.role_policy_json).Statement : one.Resource
      if contains(flatten([one.Action]), "ssm:GetParameter")
    ] == ["arn:aws:ssm:eu-west-1:123456789012:parameter/prod/cloudflare/corporate-token"]
    error_message = "The function's role reads another parameter."
  }
}

run "somebody_is_told_of_parked_messages_and_of_a_wrong_token" {
  assert {
    condition     = length(setsubtract(["dead_letters", "misconfigured"], keys(module.cf_purge.alarm_arns))) == 0
    error_message = "An alarm that the runbook speaks of is missing."
  }
}
