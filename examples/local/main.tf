# The real module against a local AWS and a simulated Cloudflare. `make demo` and the end-to-end tests apply this,
# with AWS_ENDPOINT_URL in the environment.

provider "aws" {
  region     = "us-east-1"
  access_key = "test"
  secret_key = "test"
}

# ---- The website ----

resource "aws_s3_bucket" "site" {
  #checkov:skip=CKV_AWS_18:an emulated bucket that lives for minutes, here and below
  #checkov:skip=CKV_AWS_21:deleted with all that is in it when the local world ends
  #checkov:skip=CKV_AWS_144:there is one Region in the local world
  #checkov:skip=CKV_AWS_145:its objects are the public pages of a website
  #checkov:skip=CKV2_AWS_6:it is read without credentials, as an S3 website
  #checkov:skip=CKV2_AWS_61:deleted with all that is in it when the local world ends
  #checkov:skip=CKV2_AWS_62:the module sets the notification, which checkov does not see

  bucket        = "www.example.test"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "site" {
  #checkov:skip=CKV_AWS_54:a website's bucket is read by anybody, which takes a public policy
  #checkov:skip=CKV_AWS_56:a website's bucket is read by anybody, which takes a public policy

  bucket = aws_s3_bucket.site.bucket

  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = false
}

# Cloudflare reads the bucket without credentials, as an S3 website.
resource "aws_s3_bucket_policy" "site" {
  #checkov:skip=CKV_AWS_70:a website's bucket is read by anybody

  bucket = aws_s3_bucket.site.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AnybodyReads"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.site.arn}/*"
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.site]
}

resource "aws_sns_topic" "on_call" {
  #checkov:skip=CKV_AWS_26:an emulated topic without subscribers

  name = "on-call"
}

# ---- The module ----

module "cf_purge" {
  source = "../.."

  name                = "cf-purge"
  bucket              = aws_s3_bucket.site.bucket
  api_token_parameter = "/local/cloudflare/api-token" # stored before the apply, never by Terraform
  targets             = [{ zone_id = "10ca1000000000000000000000000000" }]
  exclude             = ["drafts/**", "*.map"]
  verify              = var.verify

  cloudflare = { api_url = var.cloudflare_api_url, edge_url = var.cloudflare_edge_url }
  alarms     = { actions = [aws_sns_topic.on_call.arn] }
  tags       = { project = "cf_purge", environment = "local" }
}
