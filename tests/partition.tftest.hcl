# A partition with two possible service names and an unknown console. In a separate file, because the runs of a file
# share mocked ARNs.

mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = { arn = "arn:aws-eusc:sqs:eusc-de-east-1:123456789012:site" }
  }
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "a_key_may_be_used_through_both_service_names_and_there_are_no_links" {
  command = apply

  variables {
    dashboard             = true
    api_token_kms_key_arn = "arn:aws-eusc:kms:eusc-de-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }

  assert {
    condition = jsondecode(output.role_policy_json).Statement[4].Condition.StringEquals["kms:ViaService"] == [
      "ssm.eusc-de-east-1.amazonaws.eu", "ssm.eusc-de-east-1.amazonaws.com"
    ]
    error_message = "A key may not be used through one of SSM's names."
  }

  assert {
    condition = (!strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "](")
      && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "dead letters")
    )
    error_message = "There is a link."
  }
}
