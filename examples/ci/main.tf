# check.sh checks the pull requests of this site: first with mocks, then on a real plan without AWS.

module "cf_purge" {
  source = "../.."

  name                = "checked-purge"
  bucket              = "checked.example.com"
  api_token_parameter = var.api_token_parameter
  targets             = [{ zone_id = "2f000000000000000000000000000006" }]

  alarms = { actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"] }
  tags   = { service = "checked" }
}
