Feature: The function's role is somebody else's
  `role.arn` says whose.

  @noskip
  Scenario: The module makes nothing in IAM
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    Then its type key must not be aws_iam_.*
