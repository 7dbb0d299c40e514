@noskip
Feature: The queues lose nothing and accept only their senders

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: Both queues are encrypted at rest
    When its type metadata is "aws_sqs_queue$" regex
    # After a regex in the last When, keys are regexes too: the only way to say "or".
    Then its (sqs_managed_sse_enabled|kms_master_key_id)$ key must be (true|arn:.+:kms:.+)

  Scenario: The queue denies access without TLS
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Deny
    And its Principal is *
    And its Action is sqs:*
    Then it must have Condition
    And its value must match the "^false$" regex
    And it must have Bool
    And it must have aws:SecureTransport
    And its value must be false

  Scenario: The dead-letter queue denies access without TLS
    When its type metadata is aws_sqs_queue_policy
    And its name metadata is dead_letter
    Then it must have policy
    And it must have Statement
    When its Effect is Deny
    And its Principal is *
    And its Action is sqs:*
    Then it must have Condition
    And its value must match the "^false$" regex
    And it must have Bool
    And it must have aws:SecureTransport
    And its value must be false

  Scenario: Only AWS services may send to a queue
    When its type metadata is aws_sqs_queue_policy
    Then it must have policy
    And it must have Statement
    When its Effect is "^(Allow|Deny)$" regex
    # Always matches one, the statement that denies "*" without TLS.
    And its Principal is "^(?!Service$)" regex
    Then its Effect$ key must be Deny

  Scenario: Of the services, only S3 and EventBridge may send to a queue
    When its type metadata is aws_sqs_queue_policy
    Then it must have policy
    And it must have Statement
    When its Effect is "^(Allow|Deny)$" regex
    Then its (Effect|Service)$ key must be (Deny|(s3|events)[.]amazonaws[.]com)

  Scenario: Queue policies only allow to send
    When its type metadata is aws_sqs_queue_policy
    Then it must have policy
    And it must have Statement
    When its Effect is "^(Allow|Deny)$" regex
    And its Action is "^(?!sqs:SendMessage$)" regex
    Then its Effect$ key must be Deny

  Scenario: Only one bucket or one rule sends
    When its type metadata is aws_sqs_queue_policy
    Then it must have policy
    And it must have Statement
    When its Effect is "^(Allow|Deny)$" regex
    Then its (Effect|aws:SourceArn)$ key must be (Deny|arn:[\w-]+:(s3:::|events:[\w-]+:\d{12}:rule/)[^*?]+)

  Scenario: Permissions to send are bound to the account
    When its type metadata is aws_sqs_queue_policy
    Then it must have policy
    And it must have Statement
    When its Effect is "^(Allow|Deny)$" regex
    # The ARN of a rule has its account, that of a bucket has none.
    Then its (Effect|aws:SourceAccount|aws:SourceArn)$ key must be (Deny|\d{12}|arn:[\w-]+:events:[\w-]+:\d{12}:rule/.+)

  Scenario: No statement has exceptions, or a condition that is true for a missing key
    When its type metadata is "aws_sqs_queue_policy$" regex
    Then it must have policy
    And it must not have .*Not
    And it must not have .*IfExists
    And it must not have ForA

  Scenario: A message is received at least five times before it is parked
    When its type metadata is aws_sqs_queue_redrive_policy
    Then it must have redrive_policy
    And it must have maxReceiveCount
    And its value must match the "^([5-9]|[1-9][0-9]+)$" regex

  Scenario: Messages are parked in a queue of this plan
    When its type metadata is aws_sqs_queue_redrive_policy
    Then it must have redrive_policy
    And it must have deadLetterTargetArn
    # By its name, because the plan may have other queues.
    And its value must match the "^arn:.+-dlq$" regex
    And it must be in {aws_sqs_queue.values.arn}

  Scenario: Parked messages are kept as long as SQS allows
    When its type metadata is aws_sqs_queue
    And its name metadata is dead_letter
    Then it must have message_retention_seconds
    And its value must be 1209600

  Scenario: Only named queues park their messages
    When its type metadata is aws_sqs_queue_redrive_allow_policy
    Then it must have redrive_allow_policy
    And it must have redrivePermission
    And its value must be byQueue

  Scenario: The queue alone parks its messages
    When its type metadata is aws_sqs_queue_redrive_allow_policy
    Then it must have redrive_allow_policy
    And it must have sourceQueueArns
    And its singular value must match the "^arn:[a-z-]+:sqs:[^*?]+$" regex
