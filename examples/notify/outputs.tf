output "queue_url" {
  description = "Takes manual events as messages."
  value       = module.cf_purge.queue_url
}
