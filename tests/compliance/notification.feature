@noskip
Feature: The module owns the notification of the bucket
  `event_source` is `s3`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: The notification reaches the queue or the function
    When its type metadata is "aws_s3_bucket_notification$" regex
    Then its (queue_arn|lambda_function_arn)$ key must be arn:[\w-]+:(sqs|lambda):[\w-]+:\d{12}:(function:)?[\w-]+

  Scenario: The notification has no other destination
    When its type metadata is "aws_s3_bucket_notification$" regex
    Then its (topic_arn|eventbridge)$ key must not be (arn:.*|true)
