# Tests of the module's outputs, without an account: `terraform init && terraform test`.

mock_provider "aws" {
  # A mocked ARN is eight random letters; the runs compare these.
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:checked-purge" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:checked-purge" }
  }
}

run "purges_the_host_in_its_zone" {
  assert {
    condition = [for target in jsondecode(module.cf_purge.config_json).targets : target.zone_id] == [
      "2f000000000000000000000000000006",
    ]
    error_message = "The function purges another zone."
  }
}

run "manual_purges_need_one_permission" {
  assert {
    condition = jsondecode(module.cf_purge.invoke_policy_json).Statement == [
      {
        Sid      = "PurgeManually"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:aws:lambda:eu-west-1:123456789012:function:${module.cf_purge.function_name}"
      },
    ]
    error_message = "The policy for manual purges allows something else."
  }
}

run "the_function_reads_one_parameter" {
  assert {
    condition = [
      for one in jsondecode(module.cf_purge.role_policy_json).Statement : one.Resource
      if contains(flatten([one.Action]), "ssm:GetParameter")
    ] == ["arn:aws:ssm:eu-west-1:123456789012:parameter/prod/cloudflare/checked-token"]
    error_message = "The function's role reads another parameter."
  }
}

run "the_alarms_of_the_runbook_exist" {
  assert {
    condition     = length(setsubtract(["dead_letters", "misconfigured"], keys(module.cf_purge.alarm_arns))) == 0
    error_message = "An alarm that the runbook names is missing."
  }
}
