@constant(word: [A-Za-z0-9_+/=-])
@constant(mixed: (?=.{0,39}[0-9])(?=.{0,39}[A-Z])(?=.{0,39}[a-z]))
@case-sensitive
@noskip
Feature: No attribute of the module holds a secret
  The values of a plan are also in the state and in CI logs.

  Background:
    Given I have any resource defined
    When its module_address metadata is "(.+[.])?module[.]cf_purge(\[|$)" regex

  Scenario: No attribute holds a key of AWS
    # The ID; then a secret key: 40 characters of base64 with a digit and both cases.
    Then its value must not match the "(?s).*(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])" regex
    And its value must not match the "(?s).*(?<!${word})${mixed}[A-Za-z0-9/+]{40}(?!${word})" regex

  Scenario: No attribute holds a token or a key of Cloudflare
    # New and older tokens, older keys: https://developers.cloudflare.com/fundamentals/api/get-started/token-formats
    Then its value must not match the "(?s).*(?<![A-Za-z0-9])cf(k|ut|at|oat)_[A-Za-z0-9_-]{40}" regex
    And its value must not match the "(?s).*(?<!${word})${mixed}[A-Za-z0-9_-]{40}(?!${word})" regex
    And its value must not match the "(?s).*(?<![A-Za-z0-9])[0-9a-f]{37,45}(?![A-Za-z0-9])" regex

  Scenario: No attribute holds an Authorization header
    Then its value must not match the "(?s).*[Bb][Ee][Aa][Rr][Ee][Rr] +[^ ]" regex

  Scenario: No attribute holds a private key
    Then its value must not match the "(?s).*-----BEGIN [A-Z ]*PRIVATE KEY-----" regex
