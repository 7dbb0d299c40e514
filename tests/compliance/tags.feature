@noskip
Feature: Every resource can be traced to its owner
  By tags of the module or by the provider's default tags.

  Scenario: Every taggable resource has tags
    Given I have resource that supports tags_all defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex
    And its mode metadata is managed
    Then it must have tags_all
    And its value must not be null
