@noskip
Feature: Events invoke the function directly, and only that
  `delivery` is `direct`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: No service may send to the queue
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And its Effect key must not be Allow

  Scenario: An invoker is allowed on a function of this plan
    When its type metadata is aws_lambda_permission
    Then it must have function_name
    And it must be in {aws_lambda_function.values.function_name}

  Scenario: What fails is parked in a queue of this plan
    When its type metadata is aws_lambda_function_event_invoke_config
    Then it must have destination_config
    And it must have on_failure
    And it must have destination
    And its value must match the "^arn:.+-dlq$" regex
    And it must be in {aws_sqs_queue.values.arn}

  Scenario: A change is tried three times
    When its type metadata is aws_lambda_function_event_invoke_config
    Then it must have maximum_retry_attempts
    And its value must be 2

  Scenario: A change may wait for six hours
    When its type metadata is aws_lambda_function_event_invoke_config
    Then it must have maximum_event_age_in_seconds
    And its value must be 21600

  Scenario: Only S3 and EventBridge may invoke the function
    When its type metadata is aws_lambda_permission
    Then it must have principal
    And its value must match the "^(s3|events)[.]amazonaws[.]com$" regex

  Scenario: Permissions on the function only allow to invoke it
    When its type metadata is aws_lambda_permission
    Then it must have action
    And its value must be lambda:InvokeFunction

  Scenario: Only one bucket or one rule invokes the function
    When its type metadata is aws_lambda_permission
    Then it must have source_arn
    And its value must match the "^arn:[\w-]+:(s3:::|events:[\w-]+:\d{12}:rule/)[^*?]+$" regex

  Scenario: Permissions to invoke the function are bound to the account
    When its type metadata is "aws_lambda_permission$" regex
    # The ARN of a rule has its account, that of a bucket has none.
    Then its (source_account|source_arn)$ key must be (\d{12}|arn:[\w-]+:events:[\w-]+:\d{12}:rule/.+)
