@noskip
Feature: Events come through the queue only
  `delivery` is `queue`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: Only IAM allows to invoke the function
    Then its type key must not be aws_lambda_permission

  Scenario: A sender is allowed on a queue of this plan
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Resource
    And it must be in {aws_sqs_queue.values.arn}
