# A partition whose services have another suffix, with an unknown console.

mock_provider "aws" {
  override_resource {
    target = aws_sqs_queue.this
    values = { arn = "arn:aws-iso:sqs:us-iso-east-1:123456789012:site" }
  }
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  dashboard           = true
  queue = {
    kms_key_arn = "arn:aws-iso:kms:us-iso-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
  }
}

run "a_key_is_for_sqs_by_its_suffix_there_and_there_are_no_links" {
  command = apply

  assert {
    condition     = strcontains(output.role_policy_json, "\"sqs.us-iso-east-1.c2s.ic.gov\"")
    error_message = "A key may not be used through SQS's name."
  }

  assert {
    condition = (!strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "](")
      && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "dead letters")
    )
    error_message = "There is a link."
  }
}
