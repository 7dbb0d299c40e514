output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}

output "config_json" {
  description = "Configuration of the function, known at the first plan, for a preview."
  value       = module.cf_purge.config_json
}
