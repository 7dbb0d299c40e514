@noskip
Feature: Network interfaces are for Lambda, not for the code
  `lambda.vpc` is set, so the role may create them.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: The code may not create, delete or change a network interface
    When its type metadata is aws_iam_role_policy
    Then it must have policy
    And it must have Statement
    When its Effect is Deny
    And its Action contains ec2:CreateNetworkInterface
    And its Action contains ec2:DeleteNetworkInterface
    And its Action contains ec2:AssignPrivateIpAddresses
    And its Action contains ec2:UnassignPrivateIpAddresses
    And its Resource is *
    Then it must have Condition
    And it must have lambda:SourceFunctionArn
    And its singular value must match the "^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+$" regex
