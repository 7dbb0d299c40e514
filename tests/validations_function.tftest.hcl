# Every rule on the function, its role and its second thoughts has a run that breaks it and nothing else.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "an_unknown_tracing_is_refused" {
  command = plan

  variables {
    lambda = { tracing = "active" }
  }

  expect_failures = [var.lambda]
}

run "a_vpc_without_a_subnet_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = [], security_group_ids = ["sg-0123456789abcdef0"] } }
  }

  expect_failures = [var.lambda]
}

run "a_vpc_without_a_security_group_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = [] } }
  }

  expect_failures = [var.lambda]
}

run "a_vpc_with_nulls_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = null, security_group_ids = null } }
  }

  expect_failures = [var.lambda]
}

run "an_arn_for_a_subnet_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-01234567"], security_group_ids = ["sg-01234567"] } }
  }

  expect_failures = [var.lambda]
}

run "a_null_among_the_subnets_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-01234567", null], security_group_ids = ["sg-01234567"] } }
  }

  expect_failures = [var.lambda]
}

run "a_name_for_a_security_group_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-01234567"], security_group_ids = ["default"] } }
  }

  expect_failures = [var.lambda]
}

run "a_null_among_the_security_groups_is_refused" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-01234567"], security_group_ids = [null] } }
  }

  expect_failures = [var.lambda]
}

run "ids_of_both_lengths_are_taken" {
  command = plan

  variables {
    lambda = { vpc = { subnet_ids = ["subnet-01234567", "subnet-0123456789abcdef0"], security_group_ids = ["sg-01234567", "sg-0123456789abcdef0"] } }
  }
}

run "a_package_that_is_nowhere_is_refused" {
  command = plan

  variables {
    lambda = { package = {} }
  }

  expect_failures = [var.lambda]
}

run "a_package_in_a_file_and_in_s3_is_refused" {
  command = plan

  variables {
    lambda = { package = { filename = "lambda/cf_purge.zip", s3_bucket = "packages", s3_key = "cf_purge.zip" } }
  }

  expect_failures = [var.lambda]
}

run "a_package_in_s3_without_its_key_is_refused" {
  command = plan

  variables {
    lambda = { package = { s3_bucket = "packages" } }
  }

  expect_failures = [var.lambda]
}

run "a_package_in_s3_without_its_bucket_is_refused" {
  command = plan

  variables {
    lambda = { package = { s3_key = "cf_purge.zip" } }
  }

  expect_failures = [var.lambda]
}

run "a_file_with_a_version_in_s3_is_refused" {
  command = plan

  variables {
    lambda = { package = { filename = "lambda/cf_purge.zip", s3_object_version = "1" } }
  }

  expect_failures = [var.lambda]
}

run "a_file_that_is_not_there_yet_is_taken_with_its_hash" {
  command = plan

  variables {
    lambda = { package = { filename = "made-later.zip", source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" } }
  }
}

run "a_file_that_is_not_there_is_refused_without_its_hash" {
  command = plan

  variables {
    lambda = { package = { filename = "made-later.zip" } }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_hash_in_hex_is_refused" {
  command = plan

  variables {
    lambda = { package = { filename = "lambda/cf_purge.zip", source_code_hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" } }
  }

  expect_failures = [var.lambda]
}

run "a_role_both_made_and_brought_is_refused" {
  command = plan

  variables {
    role = { create = true, arn = "arn:aws:iam::123456789012:role/mine" }
  }

  expect_failures = [var.role]
}

run "a_role_neither_made_nor_brought_is_refused" {
  command = plan

  variables {
    role = { create = false }
  }

  expect_failures = [var.role]
}

run "a_role_made_on_purpose_is_taken" {
  command = plan

  variables {
    role = { create = true, path = "/service/" }
  }
}

run "a_role_brought_on_purpose_is_taken" {
  command = plan

  variables {
    role = { create = false, arn = "arn:aws:iam::123456789012:role/mine" }
  }
}

run "a_path_for_somebody_elses_role_is_refused" {
  command = plan

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/mine", path = "/service/" }
  }

  expect_failures = [var.role]
}

run "a_path_for_a_role_brought_on_purpose_is_refused" {
  command = plan

  variables {
    role = { create = false, arn = "arn:aws:iam::123456789012:role/mine", path = "/service/" }
  }

  expect_failures = [var.role]
}

run "a_name_for_a_role_brought_on_purpose_is_refused" {
  command = plan

  variables {
    role = { create = false, arn = "mine" }
  }

  expect_failures = [var.role]
}

run "an_unknown_operation_is_refused" {
  command = plan

  variables {
    cloudflare = { operation = "delete" }
  }

  expect_failures = [var.cloudflare]
}

run "a_second_purge_after_16_minutes_is_refused" {
  command = plan

  variables {
    repurge_after_seconds = 901
  }

  expect_failures = [var.repurge_after_seconds]
}

run "a_second_purge_before_the_first_is_refused" {
  command = plan

  variables {
    repurge_after_seconds = -1
  }

  expect_failures = [var.repurge_after_seconds]
}

run "a_second_purge_after_half_a_second_is_refused" {
  command = plan

  variables {
    repurge_after_seconds = 0.5
  }

  expect_failures = [var.repurge_after_seconds]
}

run "a_second_purge_as_late_as_sqs_delays_is_taken" {
  command = plan

  variables {
    repurge_after_seconds = 900
  }
}

run "a_collapse_above_nothing_is_refused" {
  command = plan

  variables {
    collapse_above = 0
  }

  expect_failures = [var.collapse_above]
}

run "a_collapse_above_one_and_a_half_is_refused" {
  command = plan

  variables {
    collapse_above = 1.5
  }

  expect_failures = [var.collapse_above]
}

run "a_collapse_above_more_than_a_million_is_refused" {
  command = plan

  variables {
    collapse_above = 1000001
  }

  expect_failures = [var.collapse_above]
}

run "a_collapse_above_one_is_taken" {
  command = plan

  variables {
    collapse_above = 1
  }
}
