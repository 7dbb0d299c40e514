# Every rule on what is purged of a target has a run that breaks it and nothing else.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "every_kind_of_purge_is_taken" {
  command = plan

  variables {
    targets = concat(
      [for kind in ["url", "prefix", "host", "everything"] : { zone_id = "0123456789abcdef0123456789abcdef", purge_by = kind, tags = [] }],
      [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{bucket}"] }],
    )
  }
}

run "a_kind_of_purge_in_upper_case_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "URL" }]
  }

  expect_failures = [var.targets]
}

run "a_path_prefix_of_30_folders_is_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", path_prefix = "/${join("/", [for n in range(30) : "x"])}/" }]
  }
}

run "a_path_prefix_of_31_folders_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", path_prefix = join("/", [for n in range(31) : "x"]) }]
  }

  expect_failures = [var.targets]
}

run "a_null_among_the_targets_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef" }, null]
  }

  expect_failures = [var.targets]
}

run "nulls_for_the_defaults_are_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = null, clean_urls = null, header_variants = null, tags = null, environment_id = null }]
  }
}

run "a_purge_by_tag_without_tags_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag" }]
  }

  expect_failures = [var.targets]
}

run "tags_without_a_purge_by_tag_are_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", tags = ["{key}"] }]
  }

  expect_failures = [var.targets]
}

run "tags_of_every_placeholder_and_of_plain_text_are_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{bucket}/{key}", "{dir}", "{name}", "{ext}", "{dir}{name}:{ext}", "site!$%&()*+-./;<=>?@[]^_`|~"] }]
  }
}

run "a_tag_of_1024_characters_is_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = [join("", [for n in range(128) : "x1234567"])] }]
  }
}

run "a_tag_of_1025_characters_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["y${join("", [for n in range(128) : "x1234567"])}"] }]
  }

  expect_failures = [var.targets]
}

run "an_empty_tag_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = [""] }]
  }

  expect_failures = [var.targets]
}

run "a_tag_with_a_space_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{bucket} {key}"] }]
  }

  expect_failures = [var.targets]
}

run "a_tag_with_a_comma_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["a,b"] }]
  }

  expect_failures = [var.targets]
}

run "a_tag_with_an_umlaut_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["größe"] }]
  }

  expect_failures = [var.targets]
}

run "a_tag_with_a_line_break_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["a\n"] }]
  }

  expect_failures = [var.targets]
}

run "a_null_among_the_tags_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{key}", null] }]
  }

  expect_failures = [var.targets]
}

run "an_unknown_placeholder_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{path}"] }]
  }

  expect_failures = [var.targets]
}

run "a_placeholder_in_upper_case_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{KEY}"] }]
  }

  expect_failures = [var.targets]
}

run "an_empty_placeholder_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{}"] }]
  }

  expect_failures = [var.targets]
}

run "a_brace_of_its_own_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{key"] }]
  }

  expect_failures = [var.targets]
}

run "a_placeholder_in_a_placeholder_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{{key}}"] }]
  }

  expect_failures = [var.targets]
}

run "a_placeholder_split_by_another_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{k{key}ey}"] }]
  }

  expect_failures = [var.targets]
}

run "header_variants_of_urls_are_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = "https://www.example.com" }, { "CF-Device-Type" = "mobile", "x!#$%&'*+.^_`|~1" = "a b, \"c\"" }] }]
  }
}

run "header_variants_of_prefixes_are_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "prefix", header_variants = [{ Origin = "https://www.example.com" }] }]
  }
}

run "header_variants_of_tags_are_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "tag", tags = ["{key}"], header_variants = [{ Origin = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "header_variants_of_hosts_are_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "host", header_variants = [{ Origin = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "header_variants_of_everything_are_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", purge_by = "everything", header_variants = [{ Origin = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_variant_without_a_header_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{}] }]
  }

  expect_failures = [var.targets]
}

run "a_null_among_the_header_variants_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [null] }]
  }

  expect_failures = [var.targets]
}

run "a_header_name_with_a_colon_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ "Origin:" = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_name_with_a_space_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ "My Origin" = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_without_a_name_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ "" = "https://www.example.com" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_with_an_empty_value_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = "" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_with_a_null_for_its_value_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = null }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_with_a_line_break_in_its_value_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = "a\r\nX-Other: b" }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_with_a_space_behind_its_value_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = "https://www.example.com " }] }]
  }

  expect_failures = [var.targets]
}

run "a_header_with_an_umlaut_in_its_value_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", header_variants = [{ Origin = "https://www.exämple.com" }] }]
  }

  expect_failures = [var.targets]
}

run "an_environment_id_is_taken" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", environment_id = "5f1b3c_A-9" }]
  }
}

run "an_empty_environment_id_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", environment_id = "" }]
  }

  expect_failures = [var.targets]
}

run "an_environment_id_with_a_slash_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", environment_id = "a/../b" }]
  }

  expect_failures = [var.targets]
}

run "an_environment_id_of_65_characters_is_refused" {
  command = plan

  variables {
    targets = [{ zone_id = "0123456789abcdef0123456789abcdef", environment_id = "${join("", [for n in range(8) : "x1234567"])}x" }]
  }

  expect_failures = [var.targets]
}
