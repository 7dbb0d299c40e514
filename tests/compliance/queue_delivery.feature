Feature: Events come through the queue, and by no other way
  `delivery` is `queue`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  @noskip
  Scenario: Nobody is let at the function but through IAM
    Then its type key must not be aws_lambda_permission

  @noskip
  Scenario: Somebody is let into a queue of this plan
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Resource
    And it must be in {aws_sqs_queue.values.arn}
