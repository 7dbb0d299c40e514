Feature: The bucket's notification is the module's
  `event_source` is `s3`.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  @noskip
  Scenario: The notification reaches the queue or the function
    When its type metadata is "aws_s3_bucket_notification$" regex
    Then its (queue_arn|lambda_function_arn)$ key must be arn:[\w-]+:(sqs|lambda):[\w-]+:\d{12}:(function:)?[\w-]+

  @noskip
  Scenario: The notification reaches nobody else
    When its type metadata is "aws_s3_bucket_notification$" regex
    Then its (topic_arn|eventbridge)$ key must not be (arn:.*|true)
