# The path of an event: bucket (triggers.tf) → queue (queue.tf), or directly → function (here) → Cloudflare.

locals {
  # No data sources: with `depends_on` on the module they are read during apply, and everything derived from them, such
  # as the Lambda permission, is unknown in every plan and replaced.
  queue_arn_parts = split(":", local.queue_arn)
  partition       = local.queue_arn_parts[1]
  region          = local.queue_arn_parts[3]
  account_id      = local.queue_arn_parts[4]

  # With `mock_provider "aws" {}` an ARN is eight random letters, which the provider refuses as an ARN.
  queue_arn       = startswith(aws_sqs_queue.this.arn, "arn:") ? aws_sqs_queue.this.arn : local.mocked_arn
  dead_letter_arn = startswith(aws_sqs_queue.dead_letter.arn, "arn:") ? aws_sqs_queue.dead_letter.arn : local.mocked_arn
  function_arn    = startswith(aws_lambda_function.this.arn, "arn:") ? aws_lambda_function.this.arn : local.mocked_arn
  mocked_arn      = "arn:aws:mocked:us-east-1:123456789012:${var.name}"

  # The function's configuration without the ARNs below. It has no token: the function reads the parameter.
  function_config = { for key, value in {
    name                = var.name
    bucket              = var.bucket
    api_token_parameter = var.api_token_parameter
    targets             = local.targets
    include             = var.include
    exclude             = var.exclude
    cloudflare          = local.cloudflare
    max_concurrency     = var.queue.max_concurrency
    batch_size          = var.queue.batch_size
    drain               = var.queue.drain
    max_receive_count   = var.queue.max_receive_count
    collapse_above      = var.collapse_above
    verify              = local.verify
    log_level           = var.lambda.log_level
    log_principals      = var.lambda.log_principals ? null : false
  } : key => value if value != null }
  verify     = var.verify == null ? null : { for key, value in var.verify : key => value if value != null }
  cloudflare = { for key, value in var.cloudflare : key => value if value != null }
  # Known only after the apply (the bus's ARN possibly too).
  arns_in_config = merge({
    queue_arn             = local.queue_arn
    dead_letter_queue_arn = local.dead_letter_arn
  }, var.notify)

  config = jsonencode(merge(local.function_config, local.arns_in_config))
  # Lambda allows 4 KB for the environment, as JSON: a quote in a value counts as two bytes. This leaves room for the
  # variable's name and these ARNs. https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
  max_config_bytes     = var.notify == null ? 3800 : 3450
  config_bytes         = length(base64encode(jsonencode(jsonencode(local.function_config)))) * 3 / 4
  config_is_compressed = local.config_bytes > local.max_config_bytes

  targets = [for target in var.targets : {
    for key, value in merge(target, { hosts = coalesce(target.hosts, [var.bucket]) }) :
    key => value if jsonencode(value) != jsonencode(lookup(local.target_defaults, key, null))
  }]
  # The function has the same defaults. Equal values are left out, so that many targets fit into 4 KB.
  target_defaults = {
    purge_by        = "url"
    key_prefix      = ""
    path_prefix     = ""
    schemes         = ["https"]
    index_documents = ["index.html"]
    clean_urls      = false
    header_variants = []
    tags            = []
    keys            = []
    related         = []
    delay_seconds   = 0
  }

  # Hashed here only without a given hash: the file may be created in the same apply.
  package = var.lambda.package != null ? var.lambda.package : {
    filename          = "${path.module}/lambda/cf_purge.zip"
    s3_bucket         = null
    s3_key            = null
    s3_object_version = null
    source_code_hash  = null
  }
  package_is_hashed_here = local.package.filename != null && local.package.source_code_hash == null
}

# ---- Log ----

# Created before the function, because Lambda would create it without retention, and before queues and rule: if the name
# is taken, this fails, whereas SQS would hand the existing queues to a second owner and EventBridge overwrite the rule.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.lambda.log_retention_days
  kms_key_id        = var.lambda.log_kms_key_arn
  tags              = var.tags
}

# ---- Function ----

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:tracing is the user's choice (lambda.tracing): it costs, and a purge is one hop
  #checkov:skip=CKV_AWS_115:throttled receives count as tries; the mapping's maximum_concurrency limits instead
  #checkov:skip=CKV_AWS_116:failures go to the dead-letter queue, with direct delivery by the on_failure destination
  #checkov:skip=CKV_AWS_173:no secret is in the environment, and Lambda encrypts it with its own key
  #checkov:skip=CKV_AWS_272:signing is the account's (lambda.code_signing_config_arn); source_code_hash ties it

  function_name     = var.name
  description       = substr("Purges from Cloudflare what changed in s3://${var.bucket}", 0, 256)
  role              = local.role_arn
  filename          = local.package.filename
  s3_bucket         = local.package.s3_bucket
  s3_key            = local.package.s3_key
  s3_object_version = local.package.s3_object_version
  source_code_hash = (local.package_is_hashed_here
    ? filebase64sha256(local.package.filename)
    : local.package.source_code_hash
  )
  handler       = "cf_purge.handler.lambda_handler"
  runtime       = var.lambda.runtime
  architectures = [var.lambda.architecture]
  memory_size   = var.lambda.memory_size
  timeout       = var.lambda.timeout

  code_signing_config_arn = var.lambda.code_signing_config_arn

  environment {
    variables = {
      CF_PURGE_CONFIG = local.config_is_compressed ? base64gzip(local.config) : local.config
    }
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = var.lambda.log_level == "DEBUG" ? "DEBUG" : "INFO" # metric lines count as INFO
    system_log_level      = "INFO"
  }

  tracing_config {
    mode = var.lambda.tracing
  }

  dynamic "vpc_config" {
    for_each = var.lambda.vpc[*]

    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6_allowed_for_dual_stack
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition = local.package_is_hashed_here ? try(fileexists(local.package.filename), false) : true
      error_message = join(" ", [
        "lambda.package.filename is not an existing file: correct its path, or set source_code_hash if the same apply",
        "creates it.",
      ])
    }

    precondition {
      condition = (length(base64gzip(jsonencode(local.function_config))) <= local.max_config_bytes
        || !local.config_is_compressed
      )
      error_message = join(" ", [
        "The compressed configuration exceeds the 4 KB that Lambda allows for environment variables: shorten targets,",
        "include and exclude, or use several modules with event_source = \"eventbridge\", each with some targets.",
      ])
    }

    precondition {
      # Not a validation of the variable, which would also fail at destroy if bucket_prefix names the bucket.
      condition = (alltrue([for target in var.targets : target.hosts != null])
        || can(regex(local.hostname, var.bucket))
      )
      error_message = "targets[*].hosts is required, because its default, the bucket's name, is not a hostname."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

# ---- Queue to function ----

# No reserved concurrency: throttled receives would count as tries and end in the dead-letter queue.
resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = local.queue_arn
  function_name                      = local.function_arn
  batch_size                         = var.queue.batch_size
  maximum_batching_window_in_seconds = var.queue.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.queue.max_concurrency
  }

  tags = var.tags

  depends_on = [aws_sqs_queue_redrive_policy.this]
}
