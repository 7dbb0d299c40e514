output "function_arn" {
  description = "ARN of the function."
  value       = local.function_arn
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "invoke_arn" {
  description = "ARN with which API Gateway invokes the function."
  value       = aws_lambda_function.this.invoke_arn
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = local.role_arn
}

output "role_name" {
  description = "Name of the function's role, to attach further policies."
  value       = reverse(split("/", local.role_arn))[0]
}

output "role_policy_json" {
  description = "IAM policy that the function's role needs, for an existing role (`role.arn`)."
  value       = local.role_policy_json
}

output "config_json" {
  description = <<-EOT
    Configuration of the function without the ARNs of its queues and of the event bus: known at plan, for tests and
    `preview`.
  EOT
  value       = jsonencode(local.function_config)
}

output "queue_arn" {
  description = "ARN of the queue."
  value       = local.queue_arn
}

output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = aws_sqs_queue.this.url
}

output "queue_name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "dlq_arn" {
  description = "ARN of the dead-letter queue."
  value       = local.dead_letter_arn
}

output "dlq_url" {
  description = "URL of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.url
}

output "dlq_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.name
}

output "event_source_mapping_uuid" {
  description = "UUID of the mapping from the queue to the function, to pause and resume deliveries."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "log_group_arn" {
  description = "ARN of the function's log group."
  value       = aws_cloudwatch_log_group.this.arn
}

output "alarm_arns" {
  description = <<-EOT
    ARNs of the alarms by key: `dead_letters`, `oldest_message`, `errors`, `throttles`, `misconfigured`, `lag`, and
    `undelivered` with `delivery = "direct"` or `event_source = "eventbridge"`, `stale` and `unverifiable` with
    `verify`.
  EOT
  value       = { for kind, alarm in aws_cloudwatch_metric_alarm.this : kind => alarm.arn }
}

output "dashboard_name" {
  description = "Name of the dashboard, or null (`dashboard`)."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "event_rule_arn" {
  description = "ARN of the EventBridge rule, or null (`event_source`)."
  value       = one(local.rule_arns)
}

output "cache_response_rules" {
  description = <<-EOT
    Cache Response Rules by zone ID, for `rules` of a `cloudflare_ruleset` (phase `http_response_cache_settings`). They
    set the tags of targets with `purge_by = "tag"`, which S3 cannot send. See docs/how-it-works.md.
  EOT
  value       = local.cache_response_rules
}

output "notification" {
  description = <<-EOT
    What the bucket's notification must contain if it has another owner (`event_source = "none"`): lists for its
    blocks `queue` and `lambda_function`, and `eventbridge`. Depends on the permissions that S3 validates.
  EOT
  value       = local.notification

  depends_on = [aws_sqs_queue_policy.this, aws_lambda_permission.this]
}

output "invoke_policy_json" {
  description = "IAM policy that allows manual purges (`aws lambda invoke`) and nothing else."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "PurgeManually"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = local.function_arn
    }]
  })
}

# ---- Cache Response Rules ----

# https://developers.cloudflare.com/cache/how-to/cache-response-rules/settings/
locals {
  tagged = [for target in var.targets : {
    zone_id = target.zone_id
    hosts   = coalesce(target.hosts, [var.bucket])
    path    = trim(target.path_prefix, "/") == "" ? "/" : "/${trim(target.path_prefix, "/")}/"
    folder  = trimprefix("${trim(target.key_prefix, "/")}/", "/")
    tags    = [for tag in target.tags : replace(tag, "{bucket}", var.bucket)]
    # The function has the same condition, and then sends a tag for each spelling of the path.
    by_path = alltrue(concat(
      [for tag in target.tags : !can(regex("[{](dir|name|stem|ext)[}]", tag))],
      [for path in [target.key_prefix, target.path_prefix] :
      can(regex("^([A-Za-z0-9_.~-]+(/[A-Za-z0-9_.~-]+)*)?$", trim(path, "/")))],
    ))
  } if target.purge_by == "tag"]

  cache_response_rules = { for zone_id in distinct(local.tagged[*].zone_id) : zone_id => flatten([
    for target in local.tagged : [for tag in target.by_path ? target.tags : ["{metadata}"] : {
      action = "set_cache_tags"
      expression = join(" and ", compact([
        "lower(http.host) in {${join(" ", formatlist("\"%s\"", target.hosts))}}",
        # The path has the client's spelling, so a folder with more than one spelling cannot be compared with it.
        (can(regex("^(/[A-Za-z0-9_.~-]+)+/$", target.path))
          ? "starts_with(http.request.uri.path, \"${target.path}\")"
          : ""
        ),
        target.by_path ? "" : "any(http.response.headers.names[*] == \"x-amz-meta-cache-tag\")",
      ]))
      action_parameters = { for name, value in {
        operation = "add"
        values    = strcontains(tag, "{key}") || !target.by_path ? null : [tag]
        expression = (
          !target.by_path ? "split(http.response.headers[\"x-amz-meta-cache-tag\"][0], \",\", 128)"
          # Text as string literals, the key as the rest of the path: one tag, because it has no space to split at.
          : !strcontains(tag, "{key}") ? null
          : "split(concat(${trimsuffix(replace(
            "\"${replace(replace(tag, "\\", "\\\\"), "\"", "\\\"")}\"",
            "{key}", "${target.folder}\", substring(http.request.uri.path, ${length(target.path)}), \""
          ), ", \"\"")}), \" \", 1)"
        )
      } : name => value if value != null }
    }] if target.zone_id == zone_id
  ]) }
}
