@noskip
Feature: The notification of the bucket has another owner
  `event_source` is `eventbridge` or `none`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: The module leaves the bucket's notification alone
    Then its type key must not be aws_s3_bucket_notification
