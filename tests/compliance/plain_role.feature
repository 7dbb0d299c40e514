@constant(streams: logs:[^*?]+:log-group:[^*?:]+:[*])
@constant(secret: secretsmanager:[^*?]+-[?]{6})
Feature: The function's role is for exact resources only
  There is no `lambda.vpc` and no tracing.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  @noskip
  Scenario: Each statement allows one resource by its exact ARN
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Resource
    And its singular value must match the "^arn:[\w-]+:(${streams}|${secret}|(?!logs:)[^*?]+)$" regex
