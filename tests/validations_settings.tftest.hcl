# Every rule on how it is done has a run that breaks it and nothing else: Cloudflare, queue, function, role, alarms.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "an_unknown_plan_is_refused" {
  command = plan

  variables {
    cloudflare = { plan = "gold" }
  }

  expect_failures = [var.cloudflare]
}

run "no_requests_a_second_is_refused" {
  command = plan

  variables {
    cloudflare = { requests_per_second = 0 }
  }

  expect_failures = [var.cloudflare]
}

run "an_email_that_is_none_is_refused" {
  command = plan

  variables {
    cloudflare = { email = "me" }
  }

  expect_failures = [var.cloudflare]
}

run "plain_http_to_the_api_is_refused" {
  command = plan

  variables {
    cloudflare = { api_url = "http://api.cloudflare.com/client/v4" }
  }

  expect_failures = [var.cloudflare]
}

run "credentials_in_the_api_url_are_refused" {
  command = plan

  variables {
    cloudflare = { api_url = "https://me@api.cloudflare.com" }
  }

  expect_failures = [var.cloudflare]
}

run "an_api_url_with_an_umlaut_is_refused" {
  command = plan

  variables {
    cloudflare = { api_url = "https://api.example.com/ü" }
  }

  expect_failures = [var.cloudflare]
}

run "a_port_that_is_none_is_refused" {
  command = plan

  variables {
    cloudflare = { api_url = "https://api.example.com:99999/client/v4" }
  }

  expect_failures = [var.cloudflare]
}

run "an_email_that_fits_into_no_header_is_refused" {
  command = plan

  variables {
    cloudflare = { email = "ä@example.com" }
  }

  expect_failures = [var.cloudflare]
}

run "plain_http_on_loopback_is_taken" {
  command = plan

  variables {
    cloudflare = { api_url = "http://127.0.0.1:8787/client/v4" }
  }
}

run "a_batch_of_none_is_refused" {
  command = plan

  variables {
    queue = { batch_size = 0 }
  }

  expect_failures = [var.queue]
}

run "a_batch_above_ten_without_a_window_is_refused" {
  command = plan

  variables {
    queue = { batch_size = 11 }
  }

  expect_failures = [var.queue]
}

run "a_batch_above_ten_with_a_window_is_taken" {
  command = plan

  variables {
    queue = { batch_size = 100, batch_window_seconds = 1 }
  }
}

run "a_window_of_ten_minutes_is_refused" {
  command = plan

  variables {
    queue = { batch_window_seconds = 600 }
  }

  expect_failures = [var.queue]
}

run "a_share_too_small_for_five_requests_is_refused" {
  command = plan

  variables {
    queue      = { max_concurrency = 100 }
    cloudflare = { requests_per_second = 8 }
  }

  expect_failures = [var.queue]
}

run "a_share_of_five_requests_is_taken" {
  command = plan

  variables {
    queue      = { max_concurrency = 100 }
    cloudflare = { requests_per_second = 10 }
    lambda     = { timeout = 50 }
  }
}

run "a_drain_below_zero_is_refused" {
  command = plan

  variables {
    queue = { drain = -1 }
  }

  expect_failures = [var.queue]
}

run "a_drain_that_no_invocation_has_the_time_for_is_refused" {
  command = plan

  variables {
    queue = { drain = 10001 }
  }

  expect_failures = [var.queue]
}

run "half_a_message_is_no_drain" {
  command = plan

  variables {
    queue = { drain = 0.5 }
  }

  expect_failures = [var.queue]
}

run "a_concurrency_of_one_is_refused" {
  command = plan

  variables {
    queue = { max_concurrency = 1 }
  }

  expect_failures = [var.queue]
}

run "too_few_receives_are_refused" {
  command = plan

  variables {
    queue = { max_receive_count = 3 }
  }

  expect_failures = [var.queue]
}

run "a_retention_of_a_month_is_refused" {
  command = plan

  variables {
    queue = { retention_seconds = 2592000 }
  }

  expect_failures = [var.queue]
}

run "a_retention_that_ends_before_the_tries_is_refused" {
  command = plan

  variables {
    queue = { retention_seconds = 3600 }
  }

  expect_failures = [var.queue]
}

run "more_tries_than_the_retention_has_time_for_are_refused" {
  command = plan

  variables {
    queue = { max_receive_count = 1000 }
  }

  expect_failures = [var.queue]
}

run "an_alias_for_the_queue_key_is_refused" {
  command = plan

  variables {
    queue = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/aws/sqs" }
  }

  expect_failures = [var.queue]
}

run "a_node_runtime_is_refused" {
  command = plan

  variables {
    lambda = { runtime = "nodejs22.x" }
  }

  expect_failures = [var.lambda]
}

run "an_old_python_is_refused" {
  command = plan

  variables {
    lambda = { runtime = "python3.9" }
  }

  expect_failures = [var.lambda]
}

run "an_unknown_architecture_is_refused" {
  command = plan

  variables {
    lambda = { architecture = "riscv" }
  }

  expect_failures = [var.lambda]
}

run "too_little_memory_is_refused" {
  command = plan

  variables {
    lambda = { memory_size = 64 }
  }

  expect_failures = [var.lambda]
}

run "a_timeout_too_short_to_give_back_is_refused" {
  command = plan

  variables {
    lambda = { timeout = 3 }
  }

  expect_failures = [var.lambda]
}

run "an_unknown_log_level_is_refused" {
  command = plan

  variables {
    lambda = { log_level = "LOUD" }
  }

  expect_failures = [var.lambda]
}

run "a_retention_that_cloudwatch_has_not_is_refused" {
  command = plan

  variables {
    lambda = { log_retention_days = 31 }
  }

  expect_failures = [var.lambda]
}

run "a_name_for_the_log_key_is_refused" {
  command = plan

  variables {
    lambda = { log_kms_key_arn = "my-key" }
  }

  expect_failures = [var.lambda]
}

run "a_name_for_the_role_is_refused" {
  command = plan

  variables {
    role = { arn = "my-role" }
  }

  expect_failures = [var.role]
}

run "a_role_path_without_slashes_is_refused" {
  command = plan

  variables {
    role = { path = "service" }
  }

  expect_failures = [var.role]
}

run "a_name_for_the_boundary_is_refused" {
  command = plan

  variables {
    role = { permissions_boundary = "my-boundary" }
  }

  expect_failures = [var.role]
}

run "a_boundary_for_somebody_elses_role_is_refused" {
  command = plan

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/mine", permissions_boundary = "arn:aws:iam::123456789012:policy/bound" }
  }

  expect_failures = [var.role]
}

run "an_alias_for_the_parameter_key_is_refused" {
  command = plan

  variables {
    api_token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/mine"
  }

  expect_failures = [var.api_token_kms_key_arn]
}

run "an_address_for_an_alarm_action_is_refused" {
  command = plan

  variables {
    alarms = { actions = ["me@example.com"] }
  }

  expect_failures = [var.alarms]
}

run "six_alarm_actions_are_refused" {
  command = plan

  variables {
    alarms = { actions = [for n in range(6) : "arn:aws:sns:eu-west-1:123456789012:topic-${n}"] }
  }

  expect_failures = [var.alarms]
}

run "an_alarm_that_always_rings_is_refused" {
  command = plan

  variables {
    alarms = { lag_milliseconds = 1 }
  }

  expect_failures = [var.alarms]
}

run "a_configuration_above_four_kilobytes_is_refused" {
  command = plan

  variables {
    include = [for n in range(300) : "folder-${n}/**"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "four_kilobytes_are_counted_in_bytes" {
  command = plan

  variables {
    exclude = [join("", [for n in range(1000) : "üü"])]
  }

  expect_failures = [aws_lambda_function.this]
}
