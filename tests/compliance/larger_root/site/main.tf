variable "name" {
  type = string
}

variable "told" {
  type = list(string)
}

variable "jobs_arn" {
  type = string
}

module "cf_purge" {
  source = "../../../.."

  name                = "${var.name}-purge"
  bucket              = aws_s3_bucket.this.bucket
  api_token_parameter = "/prod/cloudflare/api-token"
  targets             = [{ zone_id = "0123456789abcdef0123456789abcdef" }]
  alarms              = { actions = var.told }
  tags                = { owner = var.name }
}

resource "aws_s3_bucket" "this" {
  bucket = "${var.name}.example.com"
}

resource "aws_lambda_permission" "jobs" {
  function_name = module.cf_purge.function_name
  action        = "lambda:InvokeFunction"
  principal     = "sqs.amazonaws.com"
  source_arn    = var.jobs_arn
}
