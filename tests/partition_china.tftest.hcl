# A partition with another console and two possible service names.

mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = { arn = "arn:aws-cn:sqs:cn-north-1:123456789012:site" }
  }
}

variables {
  name                  = "site"
  bucket                = "www.example.com"
  api_token_parameter   = "/token"
  targets               = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  dashboard             = true
  api_token_kms_key_arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  queue                 = { kms_key_arn = "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-66666666777788889999" }
}

run "china_has_its_own_console_and_both_service_names_for_keys" {
  command = apply

  assert {
    condition = (strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "https://console.amazonaws.cn/lambda")
      && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "console.aws.amazon.com")
    )
    error_message = "A link leads to the console of another partition."
  }

  assert {
    condition = flatten([for statement in slice(jsondecode(output.role_policy_json).Statement, 4, 6) :
      statement.Condition.StringEquals["kms:ViaService"]
      ]) == [
      "ssm.cn-north-1.amazonaws.com.cn", "ssm.cn-north-1.amazonaws.com",
      "sqs.cn-north-1.amazonaws.com.cn", "sqs.cn-north-1.amazonaws.com",
    ]
    error_message = "A key may not be used through one of the names of SSM or SQS."
  }
}
