output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}

output "cache_response_rules" {
  description = "Rules that set the tags, for one cloudflare_ruleset in each zone."
  value       = module.cf_purge.cache_response_rules
}
