# Every rule on which changes purge has a run that breaks it and nothing else: globs, events, filters, their source.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                = "site"
  bucket              = "www.example.com"
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
}

run "a_null_among_the_includes_is_refused" {
  command = plan

  variables {
    include = [null]
  }

  expect_failures = [var.include]
}

run "a_null_among_the_excludes_is_refused" {
  command = plan

  variables {
    exclude = [null]
  }

  expect_failures = [var.exclude]
}

run "a_null_among_the_event_filters_is_refused" {
  command = plan

  variables {
    event_filters = [null]
  }

  expect_failures = [var.event_filters]
}

run "an_include_with_a_set_that_is_none_is_refused" {
  command = plan

  variables {
    include = ["[z-a].css"]
  }

  expect_failures = [var.include]
}

run "an_exclude_with_a_set_that_is_none_is_refused" {
  command = plan

  variables {
    exclude = ["[z-a].css"]
  }

  expect_failures = [var.exclude]
}

run "globs_with_sets_are_taken" {
  command = plan

  variables {
    include = ["[a-z]*.css", "[!0-9]*", "[]x]", "img/**/[.]hidden"]
  }
}

run "an_empty_include_is_refused" {
  command = plan

  variables {
    include = [""]
  }

  expect_failures = [var.include]
}

run "an_include_with_braces_is_refused" {
  command = plan

  variables {
    include = ["*.{css,js}"]
  }

  expect_failures = [var.include]
}

run "an_exclude_with_a_leading_slash_is_refused" {
  command = plan

  variables {
    exclude = ["/drafts/**"]
  }

  expect_failures = [var.exclude]
}

run "no_event_is_refused" {
  command = plan

  variables {
    events = []
  }

  expect_failures = [var.events]
}

run "an_event_without_its_s3_is_refused" {
  command = plan

  variables {
    events = ["ObjectCreated:*"]
  }

  expect_failures = [var.events]
}

run "an_event_named_twice_is_refused" {
  command = plan

  variables {
    events = ["s3:ObjectCreated:*", "s3:ObjectCreated:Put"]
  }

  expect_failures = [var.events]
}

run "no_event_filter_is_refused" {
  command = plan

  variables {
    event_filters = []
  }

  expect_failures = [var.event_filters]
}

run "a_wildcard_in_an_event_filter_is_refused" {
  command = plan

  variables {
    event_filters = [{ suffix = "*.css" }]
  }

  expect_failures = [var.event_filters]
}

run "overlapping_prefixes_are_refused" {
  command = plan

  variables {
    event_filters = [{ prefix = "img/" }, { prefix = "img/big/" }]
  }

  expect_failures = [var.event_filters]
}

run "overlapping_suffixes_are_refused" {
  command = plan

  variables {
    event_filters = [{ suffix = ".gz" }, { suffix = ".tar.gz" }]
  }

  expect_failures = [var.event_filters]
}

run "the_same_filter_twice_is_refused" {
  command = plan

  variables {
    event_filters = [{ prefix = "img/", suffix = ".png" }, { prefix = "img/", suffix = ".png" }]
  }

  expect_failures = [var.event_filters]
}

run "prefixes_that_overlap_are_taken_when_the_suffixes_do_not" {
  command = plan

  variables {
    event_filters = [{ prefix = "img/", suffix = ".png" }, { prefix = "img/", suffix = ".jpg" }]
  }
}

run "more_event_filters_than_s3_takes_are_refused" {
  command = plan

  variables {
    event_filters = [for n in range(101) : { prefix = "folder-${n + 1000}/" }]
  }

  expect_failures = [var.event_filters]
}

run "an_unknown_event_source_is_refused" {
  command = plan

  variables {
    event_source = "sns"
  }

  expect_failures = [var.event_source]
}

run "an_event_source_in_upper_case_is_refused" {
  command = plan

  variables {
    event_source = "S3"
  }

  expect_failures = [var.event_source]
}

run "an_unknown_delivery_is_refused" {
  command = plan

  variables {
    delivery = "sns"
  }

  expect_failures = [var.delivery]
}

run "an_event_that_eventbridge_has_not_is_refused_with_it" {
  command = plan

  variables {
    event_source = "eventbridge"
    events       = ["s3:ObjectCreated:*", "s3:ReducedRedundancyLostObject"]
  }

  expect_failures = [var.events]
}

run "an_event_that_eventbridge_has_not_is_taken_without_it" {
  command = plan

  variables {
    events = ["s3:ObjectCreated:*", "s3:ReducedRedundancyLostObject"]
  }
}

run "overlapping_filters_are_taken_with_eventbridge" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = [{ prefix = "a/" }, { prefix = "a/b/" }, { prefix = "a/" }]
  }
}

run "overlapping_filters_are_refused_of_somebody_elses_notification_too" {
  command = plan

  variables {
    event_source  = "none"
    event_filters = [{ prefix = "a/" }, { prefix = "a/b/" }]
  }

  expect_failures = [var.event_filters]
}

run "more_event_filters_than_s3_takes_are_taken_with_eventbridge" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = [for n in range(101) : { prefix = "${n}/" }]
  }
}

run "a_wildcard_in_an_event_filter_is_refused_with_eventbridge_too" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = [{ suffix = "*.css" }]
  }

  expect_failures = [var.event_filters]
}

run "no_event_filter_is_refused_with_eventbridge_too" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = []
  }

  expect_failures = [var.event_filters]
}

run "more_filters_than_a_rule_can_hold_are_refused" {
  command = plan

  variables {
    event_source  = "eventbridge"
    event_filters = [for number in range(150) : { prefix = "folder-${number}/", suffix = ".html" }]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}
