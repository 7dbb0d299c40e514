# A root as many are: the module, more than once and under two names, among things of somebody's own that keep none of
# its rules.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

module "cf_purge" {
  source = "../../.."

  name                = "site-purge"
  bucket              = aws_s3_bucket.site.bucket
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  alarms              = { actions = [aws_sns_topic.on_call.arn] }
  tags                = { owner = "web" }
}

module "docs_purge" {
  source = "../../.."

  name                = "docs-purge"
  bucket              = aws_s3_bucket.docs.bucket
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  event_source        = "eventbridge"
  alarms              = { actions = [aws_sns_topic.on_call.arn] }
  tags                = { owner = "docs" }
}

module "sites" {
  source   = "./site"
  for_each = toset(["blog", "shop"])

  name     = each.key
  told     = [aws_sns_topic.on_call.arn]
  jobs_arn = aws_sqs_queue.jobs.arn
}

resource "aws_s3_bucket" "site" {
  bucket = "www.example.com"
}

resource "aws_s3_bucket" "docs" {
  bucket = "docs.example.com"
}

resource "aws_s3_bucket_notification" "docs" {
  bucket      = aws_s3_bucket.docs.id
  eventbridge = true
}

resource "aws_sns_topic" "on_call" {
  name = "on-call"
}
