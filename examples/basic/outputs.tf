output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}

output "config_json" {
  description = "What the function is told: known at the first plan, for a preview of what keys would purge."
  value       = module.cf_purge.config_json
}
