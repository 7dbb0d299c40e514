@constant(log: (CreateLogStream|PutLogEvents))
@constant(queue: ((Receive|Delete|Send)Message|ChangeMessageVisibility|GetQueueAttributes))
@constant(token: (ssm:GetParameter|secretsmanager:GetSecretValue|kms:(Decrypt|GenerateDataKey)))
@constant(network: ((Create|Delete)NetworkInterface|Describe(NetworkInterfaces|Subnets)|(A|Una)ssignPrivateIpAddresses))
@constant(traces: xray:(PutTraceSegments|PutTelemetryRecords))
@constant(streams: logs:[^*?]+:log-group:[^*?:]+:[*])
@constant(secret: secretsmanager:[^*?]+-[?]{6})
@noskip
Feature: The role has only the permissions that the function needs
  The policy that the module attaches to the role it creates, without what others attach.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: Only Lambda may assume the role
    When its type metadata is aws_iam_role
    Then it must have assume_role_policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Principal
    And its value must match the "^lambda[.]amazonaws[.]com$" regex

  Scenario: Each action that is allowed is one the function needs
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    Then it must have Action
    And its value must match the "^(logs:${log}|sqs:${queue}|${token}|events:PutEvents|ec2:${network}|${traces})$" regex

  Scenario: Each statement allows one resource by its exact ARN, except network interfaces and traces
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    # Statements with at least one other action.
    And its Action contains "^(?!(ec2:${network}|${traces})$)" regex
    Then it must have Resource
    And its singular value must match the "^arn:[\w-]+:(${streams}|${secret}|(?!logs:)[^*?]+)$" regex

  Scenario: The token's statement reads one parameter
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Resource is "arn:[^:]+:ssm:[^:]*:[^:]*:parameter/." regex
    And its Sid is ReadApiToken
    And its Effect is Allow
    Then it must have Action
    And its singular value must match the "^ssm:GetParameter$" regex

  Scenario: A key decrypts only the one parameter, or messages
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    # Always matches one, the statement that reads the parameter. A statement that names a parameter allows no key.
    And its Action contains "^(kms:|ssm:GetParameter$)" regex
    Then its (Resource|kms:(ViaService|.+ARN))$ key must be (arn:[\w-]+:(ssm|secretsmanager):[^*?]+(-[?]{6})?|sqs[.].+)

  Scenario: Events are sent to an event bus
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Allow
    # Always matches one, the statement that reads the parameter.
    And its Action contains "^(events:|ssm:GetParameter$)" regex
    Then its Resource$ key must be arn:[\w-]+:(ssm:[^*?]+|events:[\w-]+:\d{12}:event-bus/[^*?]+)

  Scenario: No condition is negated, or true for a missing key
    When its type metadata is "aws_iam_role_policy$" regex
    Then it must have policy
    And it must not have [a-z].*Not
    And it must not have .*IfExists
    And it must not have ForA

  Scenario: The module creates nothing in IAM but a role and its policy
    Then its type key must not be aws_iam_(?!role$|role_policy$).*
