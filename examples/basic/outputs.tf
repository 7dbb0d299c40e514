output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}
