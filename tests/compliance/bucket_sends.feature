@noskip
Feature: Only S3 sends events
  `event_source` is `s3` or `none`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: EventBridge is not used
    Then its type key must not be aws_cloudwatch_event_.*
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    Then its (Service|principal|aws:SourceArn|source_arn)$ key must not be (events[.]amazonaws|arn:[^:]+:events:).*

  Scenario: No service may send to the dead-letter queue
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is dead_letter
    Then it must have policy
    And its Effect key must not be Allow
