# What the function is, where it runs, and what it is told.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
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
      targets               = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"] }]
      include               = []
      exclude               = []
      cloudflare            = { plan = "free", operation = "purge", requests_per_second = 4, email = null, api_url = "https://api.cloudflare.com/client/v4" }
      max_concurrency       = 2
      batch_size            = 10
      drain                 = 1000
      repurge_after_seconds = 0
      log_level             = "INFO"
      queue_arn             = "arn:aws:sqs:eu-west-1:123456789012:site"
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
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com", "example.com"], schemes = ["https", "http"] },
      { zone_id = "fedcba9876543210fedcba9876543210", hosts = ["cdn.example.net"], key_prefix = "assets/", path_prefix = "static/", index_documents = [] },
    ]
    error_message = "The targets are not passed on as given."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Debug lines would be dropped by Lambda."
  }
}

run "targets_of_every_kind_are_told_with_what_is_not_the_default" {
  command = apply

  variables {
    targets = [
      { zone_id = "0123456789abcdef0123456789abcdef", clean_urls = true, header_variants = [{ Origin = "https://www.example.com" }, { Accept = "image/webp" }] },
      { zone_id = "0123456789abcdef0123456789abcdef", purge_by = "prefix", environment_id = "staging", index_documents = ["index.html", ""] },
      { zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{bucket}/{key}", "{dir}"] },
      { zone_id = "0123456789abcdef0123456789abcdef", purge_by = "host", hosts = ["example.com"], schemes = ["http"] },
      { zone_id = "0123456789abcdef0123456789abcdef", purge_by = "everything", key_prefix = "a/", path_prefix = "b/" },
    ]
    cloudflare = { operation = "invalidate", plan = "enterprise" }
  }

  assert {
    condition = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).targets == [
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"], clean_urls = true, header_variants = [{ Origin = "https://www.example.com" }, { Accept = "image/webp" }] },
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"], purge_by = "prefix", environment_id = "staging", index_documents = ["index.html", ""] },
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"], purge_by = "tag", tags = ["{bucket}/{key}", "{dir}"] },
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["example.com"], purge_by = "host", schemes = ["http"] },
      { zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"], purge_by = "everything", key_prefix = "a/", path_prefix = "b/" },
    ]
    error_message = "The function is told other targets than what was given."
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).cloudflare.operation == "invalidate"
    error_message = "The function is not told to invalidate."
  }
}

run "what_equals_the_default_is_not_told" {
  command = apply

  variables {
    targets = [{
      zone_id         = "0123456789abcdef0123456789abcdef"
      purge_by        = "url"
      key_prefix      = ""
      path_prefix     = ""
      schemes         = ["https"]
      index_documents = ["index.html"]
      clean_urls      = false
      header_variants = []
      tags            = []
      environment_id  = null
    }]
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).targets == [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"] }]
    error_message = "A target takes more of the 4 KB than it needs."
  }
}

run "the_function_is_told_when_to_purge_again_and_how_much_to_drain" {
  command = apply

  variables {
    repurge_after_seconds = 60
    queue                 = { batch_size = 5, drain = 0 }
  }

  assert {
    condition     = { for name in ["repurge_after_seconds", "batch_size", "drain"] : name => jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG)[name] } == { repurge_after_seconds = 60, batch_size = 5, drain = 0 }
    error_message = "The function is not told what the variables say."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 5
    error_message = "The function's idea of a full batch is not the mapping's."
  }
}

run "the_function_is_told_when_to_collapse" {
  command = apply

  variables {
    collapse_above = 30
  }

  assert {
    condition     = jsondecode(aws_lambda_function.this.environment[0].variables.CF_PURGE_CONFIG).collapse_above == 30
    error_message = "The function is not told when to collapse."
  }
}

run "a_vpc_is_where_the_function_runs" {
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
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-01234567", "subnet-89abcdef"]) && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-01234567"])
    error_message = "The function is in other subnets or security groups."
  }
}

run "without_a_vpc_and_tracing_there_is_neither" {
  command = apply

  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    error_message = "The function is in a VPC, or traces."
  }
}

run "tracing_is_switched_on" {
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
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "The function does not trace."
  }
}

run "another_package_is_taken_from_a_file_and_hashed" {
  command = apply

  variables {
    lambda = { package = { filename = "lambda/package.py" } }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition     = aws_lambda_function.this.filename == "lambda/package.py" && aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/package.py") && aws_lambda_function.this.s3_bucket == null
    error_message = "The function is not the package that was given."
  }
}

run "a_file_that_is_made_later_has_the_hash_that_is_given" {
  command = apply

  variables {
    lambda = { package = { filename = "later.zip", source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } }
  }

  assert {
    condition     = aws_lambda_function.this.filename == "later.zip" && aws_lambda_function.this.source_code_hash == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    error_message = "The function has not the hash that was given."
  }
}

run "another_package_is_taken_from_s3" {
  command = apply

  variables {
    lambda = { package = { s3_bucket = "packages", s3_key = "cf_purge.zip", s3_object_version = "7", source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } }
  }

  assert {
    condition = (
      { notification = length(aws_s3_bucket_notification.this), rule = length(aws_cloudwatch_event_rule.this), target = length(aws_cloudwatch_event_target.this), permission = length(aws_lambda_permission.this), on_failure = length(aws_lambda_function_event_invoke_config.this), role = length(aws_iam_role.this), policy = length(aws_iam_role_policy.this), alarms = length(aws_cloudwatch_metric_alarm.this) }
      == { notification = 1, rule = 0, target = 0, permission = 0, on_failure = 0, role = 1, policy = 1, alarms = 6 }
    )
    error_message = "Something else exists than this mode needs."
  }

  assert {
    condition = jsonencode({
      file    = aws_lambda_function.this.filename
      bucket  = aws_lambda_function.this.s3_bucket
      key     = aws_lambda_function.this.s3_key
      version = aws_lambda_function.this.s3_object_version
      hash    = aws_lambda_function.this.source_code_hash
      }) == jsonencode({
      file    = null
      bucket  = "packages"
      key     = "cf_purge.zip"
      version = "7"
      hash    = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    })
    error_message = "The function is not the package that was given."
  }
}

run "a_package_in_s3_needs_no_hash" {
  command = apply

  variables {
    lambda = { package = { s3_bucket = "packages", s3_key = "cf_purge.zip" } }
  }

  assert {
    condition     = aws_lambda_function.this.filename == null && aws_lambda_function.this.s3_key == "cf_purge.zip" && aws_lambda_function.this.source_code_hash != filebase64sha256("lambda/cf_purge.zip")
    error_message = "The function is not the package that was given."
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
