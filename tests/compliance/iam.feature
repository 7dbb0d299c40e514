Feature: The function's role may do what the function does, and nothing else
  The policy that the module puts on its role. What a root adds to that role is the root's.

  @noskip
  Scenario: Lambda alone takes the role
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_iam_role
    Then it must have assume_role_policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Principal
    And its value must match the "^lambda[.]amazonaws[.]com$" regex

  @noskip
  Scenario: No action is allowed by wildcard
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Action
    And its value must match the "^[a-z0-9-]+:[A-Za-z]+$" regex

  @noskip
  Scenario: Each statement allows one resource by its exact ARN
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Resource
    And its singular value must match the "^arn:[a-z-]+:(logs:[^*?]+:log-group:[^*?:]+:[*]|(?!logs:)[^*?]+)$" regex

  @noskip
  Scenario: The token's statement reads one parameter
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Resource is "arn:[^:]+:ssm:[^:]*:[^:]*:parameter/." regex
    And its Sid is ReadApiToken
    And its Effect is Allow
    Then it must have Action
    And its singular value must match the "^ssm:GetParameter$" regex

  @noskip
  Scenario: No statement does anything else with parameters or secrets
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Action
    And its value must not match the "^(ssm|secretsmanager):(?!GetParameter$)" regex

  @noskip
  Scenario: The module makes nothing in IAM but a role and its policy
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    Then its type key must not be aws_iam_(?!role$|role_policy$).*
