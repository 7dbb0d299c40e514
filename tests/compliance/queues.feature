Feature: Nothing is lost in the queues, and nobody else gets at them

  @noskip
  Scenario: Both queues are encrypted at rest
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is "aws_sqs_queue$" regex
    # After a regex in the last When, keys are regexes too, which makes the only "or" there is.
    Then its (sqs_managed_sse_enabled|kms_master_key_id)$ key must be (true|arn:.+:kms:.+)

  @noskip
  Scenario: The queue refuses whoever comes without TLS
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
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

  @noskip
  Scenario: The dead-letter queue refuses whoever comes without TLS
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
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

  @noskip
  Scenario: S3 alone is let into the queue
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Principal
    And its value must match the "^s3[.]amazonaws[.]com$" regex

  @noskip
  Scenario: Who is let into the queue may only send
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Action
    And its value must match the "^sqs:SendMessage$" regex

  @noskip
  Scenario: Only one bucket sends
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Condition
    And it must have ArnLike
    And it must have aws:SourceArn
    And its singular value must match the "^arn:[a-z-]+:s3:::[^*?]+$" regex

  @noskip
  Scenario: The bucket sends only while it belongs to the account
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
    And its name metadata is this
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Condition
    And it must have StringEquals
    And it must have aws:SourceAccount
    And its singular value must match the "^[0-9]{12}$" regex

  @noskip
  Scenario: Nobody is let into the dead-letter queue
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_policy
    And its name metadata is dead_letter
    Then it must have policy
    And its Effect key must not be Allow

  @noskip
  Scenario: A message is received five times at least before it is parked
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue
    And its name metadata is this
    Then it must have redrive_policy
    And it must have maxReceiveCount
    And its value must match the "^([5-9]|[1-9][0-9]+)$" regex

  @noskip
  Scenario: Messages are parked in a queue of this plan
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue
    And its name metadata is this
    Then it must have redrive_policy
    And it must have deadLetterTargetArn
    And it must be in {aws_sqs_queue.values.arn}

  @noskip
  Scenario: Parked messages are kept as long as SQS allows
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue
    And its name metadata is dead_letter
    Then it must have message_retention_seconds
    And its value must be 1209600

  @noskip
  Scenario: Only named queues park their messages
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_redrive_allow_policy
    Then it must have redrive_allow_policy
    And it must have redrivePermission
    And its value must be byQueue

  @noskip
  Scenario: The queue alone parks its messages
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_sqs_queue_redrive_allow_policy
    Then it must have redrive_allow_policy
    And it must have sourceQueueArns
    And its singular value must match the "^arn:[a-z-]+:sqs:[^*?]+$" regex
