output "queue_url" {
  description = "URL of the queue, which accepts manual events as messages."
  value       = module.cf_purge.queue_url
}

output "thumbnails_queue_url" {
  description = "The other consumer's queue."
  value       = aws_sqs_queue.thumbnails.url
}
