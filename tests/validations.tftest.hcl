# Every rule on what is required has a run that breaks it and nothing else: name, bucket, parameter, targets.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "the_smallest_configuration_is_taken" {
  command = plan
}

run "a_name_with_a_space_is_refused" {
  command = plan

  variables {
    name = "my site"
  }

  expect_failures = [var.name]
}

run "a_name_too_long_for_a_role_is_refused" {
  command = plan

  variables {
    name = "x123456789x123456789x123456789x123456789x123456789x123456789x"
  }

  expect_failures = [var.name]
}

run "an_arn_for_the_bucket_is_refused" {
  command = plan

  variables {
    bucket = "arn:aws:s3:::www.example.com"
  }

  expect_failures = [var.bucket]
}

run "no_token_parameter_is_refused" {
  command = plan

  variables {
    api_token_parameter = ""
  }

  expect_failures = [var.api_token_parameter]
}

run "an_arn_of_something_else_for_the_parameter_is_refused" {
  command = plan

  variables {
    api_token_parameter = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
  }

  expect_failures = [var.api_token_parameter]
}

run "the_token_itself_for_the_parameter_is_refused" {
  command = plan

  variables {
    api_token_parameter = "Abcdefghijklmnopqrstuvwxyz0123456789_-AB"
  }

  expect_failures = [var.api_token_parameter]
}

run "a_parameter_that_is_only_a_slash_is_refused" {
  command = plan

  variables {
    api_token_parameter = "/"
  }

  expect_failures = [var.api_token_parameter]
}

run "a_global_api_key_for_the_parameter_is_refused" {
  command = plan

  variables {
    api_token_parameter = "0123456789abcdef0123456789abcdef01234"
  }

  expect_failures = [var.api_token_parameter]
}

run "no_target_is_refused" {
  command = plan

  variables {
    targets = []
  }

  expect_failures = [var.targets]
}

run "a_zone_name_for_its_id_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "example.com" }]
  }

  expect_failures = [var.targets]
}

run "an_upper_case_zone_id_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789ABCDEF0123456789ABCDEF" }]
  }

  expect_failures = [var.targets]
}

run "a_url_for_a_host_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["https://www.example.com"] }]
  }

  expect_failures = [var.targets]
}

run "a_wildcard_host_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["*.example.com"] }]
  }

  expect_failures = [var.targets]
}

run "a_host_with_a_port_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com:443"] }]
  }

  expect_failures = [var.targets]
}

run "a_host_with_an_umlaut_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.exämple.com"] }]
  }

  expect_failures = [var.targets]
}

run "a_bucket_that_is_no_hostname_needs_hosts" {
  command = plan

  variables {
    bucket = "my-assets"
  }

  expect_failures = [var.targets]
}

run "a_bucket_with_dots_that_is_no_hostname_needs_hosts" {
  command = plan

  variables {
    bucket = "my-.assets"
  }

  expect_failures = [var.targets]
}

run "a_bucket_that_is_no_hostname_is_taken_with_hosts" {
  command = plan

  variables {
    bucket  = "my-assets"
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = ["www.example.com"] }]
  }
}

run "an_empty_list_of_hosts_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = [] }]
  }

  expect_failures = [var.targets]
}

run "an_unknown_kind_of_purge_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "magic" }]
  }

  expect_failures = [var.targets]
}

run "an_unknown_scheme_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", schemes = ["ftp"] }]
  }

  expect_failures = [var.targets]
}

run "no_scheme_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", schemes = [] }]
  }

  expect_failures = [var.targets]
}

run "an_index_document_with_a_folder_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", index_documents = ["a/index.html"] }]
  }

  expect_failures = [var.targets]
}

run "a_glob_for_a_key_prefix_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", key_prefix = "assets/*" }]
  }

  expect_failures = [var.targets]
}

run "a_url_for_a_path_prefix_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", path_prefix = "https://www.example.com/blog" }]
  }

  expect_failures = [var.targets]
}

run "a_path_prefix_that_climbs_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", path_prefix = "../private" }]
  }

  expect_failures = [var.targets]
}

run "a_null_among_the_hosts_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", hosts = [null] }]
  }

  expect_failures = [var.targets]
}

run "a_null_among_the_index_documents_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", index_documents = [null] }]
  }

  expect_failures = [var.targets]
}
