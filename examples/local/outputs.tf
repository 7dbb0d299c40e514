output "function_name" {
  description = "Name of the function."
  value       = module.cf_purge.function_name
}

output "queue_url" {
  description = "URL of the queue."
  value       = module.cf_purge.queue_url
}

output "dlq_url" {
  description = "URL of the dead-letter queue."
  value       = module.cf_purge.dlq_url
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = module.cf_purge.log_group_name
}
