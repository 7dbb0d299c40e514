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
    Configuration of the function without the ARNs of its queues and of the event bus: known at plan, to compare or
    to run it elsewhere.
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
    `undelivered` with `delivery = "direct"`, `stale` and `unverifiable` with `verify`.
  EOT
  value       = { for kind, alarm in aws_cloudwatch_metric_alarm.this : kind => alarm.arn }
}

output "dashboard_name" {
  description = "Name of the dashboard; null without one (`dashboard`)."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}

output "event_rule_arn" {
  description = "ARN of the EventBridge rule; null without one (`event_source`)."
  value       = one(local.rule_arns)
}

output "notification" {
  description = <<-EOT
    What the bucket's notification must contain if it has another owner (`event_source = "none"`): `queue` and
    `lambda_function`, a list for the blocks of each name, and `eventbridge`. Depends on the permissions that S3
    validates.
  EOT
  value       = local.notification

  depends_on = [aws_sqs_queue_policy.this, aws_lambda_permission.this]
}

output "invoke_policy_json" {
  description = "IAM policy that allows manual purges (`aws lambda invoke`) and nothing else."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "PurgeByHand"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = local.function_arn
    }]
  })
}
