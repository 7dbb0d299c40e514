output "function_name" {
  description = "What to invoke to purge by hand."
  value       = module.cf_purge.function_name
}

output "marketing_role_arn" {
  description = "The role that may purge by hand."
  value       = aws_iam_role.marketing.arn
}

output "queue_url" {
  description = "Takes manual events as messages."
  value       = module.cf_purge.queue_url
}

output "dlq_url" {
  description = "Where changes are that could not be purged."
  value       = module.cf_purge.dlq_url
}
