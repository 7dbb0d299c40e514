# What is done in a partition that the module knows little of.

mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = { arn = "arn:aws-iso:sqs:us-iso-east-1:123456789012:site" }
  }
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  dashboard           = true
  queue = {
    kms_key_arn = "arn:aws-iso:kms:us-iso-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }
}

run "in_a_partition_whose_console_is_not_known_there_are_no_links_to_it" {
  command = apply

  assert {
    condition = (one(regexall("\\]\\([^)]+", aws_cloudwatch_dashboard.this[0].dashboard_body)) == "](${local.runbook}"
      && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "dead letters")
    )
    error_message = "A link leads nowhere."
  }

  assert {
    condition     = strcontains(output.role_policy_json, "\"sqs.us-iso-east-1.c2s.ic.gov\"")
    error_message = "A key may not be used through SQS as it is called there."
  }
}
