@noskip
Feature: The role of the function has another owner
  `role.arn` names it.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: The module creates nothing in IAM
    Then its type key must not be aws_iam_.*
