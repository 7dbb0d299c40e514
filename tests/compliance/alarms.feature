@noskip
Feature: Alarms notify, and say what to do
  `alarms.actions` names whom.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: Each alarm has an action
    When its type metadata is aws_cloudwatch_metric_alarm
    Then it must have alarm_actions
    And its value must match the "^arn:[a-z-]+:." regex

  Scenario: Each alarm is enabled
    When its type metadata is aws_cloudwatch_metric_alarm
    Then it must have actions_enabled
    And its value must be true

  Scenario: A quiet site raises no alarm
    When its type metadata is aws_cloudwatch_metric_alarm
    Then it must have treat_missing_data
    And its value must be notBreaching

  Scenario: A single parked message raises an alarm
    When its type metadata is aws_cloudwatch_metric_alarm
    And its index metadata is dead_letters
    Then it must have threshold
    And its value must match the "^1([.]0)?$" regex
