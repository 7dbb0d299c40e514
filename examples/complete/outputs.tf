output "function_name" {
  description = "Function to invoke for manual purges."
  value       = module.cf_purge.function_name
}

output "marketing_role_arn" {
  description = "Role that may purge manually."
  value       = aws_iam_role.marketing.arn
}

output "queue_url" {
  description = "Queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}

output "dlq_url" {
  description = "Dead-letter queue with changes that could not be purged."
  value       = module.cf_purge.dlq_url
}
