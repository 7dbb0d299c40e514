@noskip
Feature: The function runs, logs, and returns failed messages
  With its log, and with the mapping that calls it for the queue.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: The function logs JSON
    When its type metadata is aws_lambda_function
    Then it must have logging_config
    And it must have log_format
    And its value must be JSON

  Scenario: The function logs into a log group of this plan
    When its type metadata is aws_lambda_function
    Then it must have logging_config
    And it must have log_group
    And it must be in {aws_cloudwatch_log_group.values.name}

  Scenario: The log has a retention
    When its type metadata is aws_cloudwatch_log_group
    Then it must have retention_in_days
    And its value must match the "^[1-9][0-9]*$" regex

  Scenario: The function takes its concurrency from the queue, not from a reservation
    When its type metadata is aws_lambda_function
    Then it must have reserved_concurrent_executions
    And its value must be -1

  Scenario: The function has one environment variable
    When its type metadata is aws_lambda_function
    Then it must have environment
    And it must have variables
    And its singular value must match the "^" regex
    And it must have CF_PURGE_CONFIG

  Scenario: No environment variable and no setting is named like a secret
    When its type metadata is "aws_lambda_function$" regex
    Then it must have environment
    And it must have variables
    # As in queues.feature, the key is a regex. It does not match api_token_parameter, which says where the token is.
    And its .*(token|secret|password|passwd|credentials?|private_?key|access_?key|api_?key)$ key must not be .+

  Scenario: Failed messages return to the queue individually
    When its type metadata is aws_lambda_event_source_mapping
    Then it must have function_response_types
    And its value must be ReportBatchItemFailures

  Scenario: The queue invokes at least two functions at once
    When its type metadata is aws_lambda_event_source_mapping
    Then it must have scaling_config
    And it must have maximum_concurrency
    And its value must match the "^([2-9]|[1-9][0-9]+)$" regex

  Scenario: A purge does not wait for a batch to fill
    When its type metadata is aws_lambda_event_source_mapping
    Then it must have maximum_batching_window_in_seconds
    And its value must be 0

  Scenario: The function has no URL
    Then its type key must not be aws_lambda_function_url
