@noskip
Feature: Only EventBridge sends events
  `event_source` is `eventbridge`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: S3 sends nothing itself
    Then its (Service|principal|aws:SourceArn|source_arn)$ key must not be (s3[.]amazonaws[.]com|arn:[^:]+:s3:.*)

  Scenario: The rule is for one bucket
    When its type metadata is "aws_cloudwatch_event_rule$" regex
    Then it must have event_pattern
    # No $or.
    And it must not have .or
    And it must have bucket
    # By its exact name: operators such as prefix and anything-but are keys.
    And it must not have [a-mo-z]
    And it must have name
    And its singular value must match the "^[a-z0-9][a-z0-9.-]+$" regex

  Scenario: The rule matches only events of S3
    When its type metadata is aws_cloudwatch_event_rule
    Then it must have event_pattern
    And it must have source
    And its singular value must match the "^aws[.]s3$" regex

  Scenario: The rule is enabled
    When its type metadata is aws_cloudwatch_event_rule
    Then it must have state
    And its value must match the "^ENABLED$" regex

  Scenario: The rule sends to a queue or a function
    When its type metadata is aws_cloudwatch_event_target
    Then it must have arn
    And its value must match the "^arn:[a-z-]+:(sqs|lambda):[a-z0-9-]+:[0-9]{12}:(function:)?[A-Za-z0-9_-]+$" regex

  Scenario: What the rule cannot deliver is parked
    When its type metadata is aws_cloudwatch_event_target
    Then it must have dead_letter_config
    And it must have arn
    And its value must match the "^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$" regex

  Scenario: The rule may send to the dead-letter queue
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is dead_letter
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Condition
    And it must have ArnEquals
    And it must have aws:SourceArn
    And its singular value must match the "^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:rule/[^*?]+$" regex
