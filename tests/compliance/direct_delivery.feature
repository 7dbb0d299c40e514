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
