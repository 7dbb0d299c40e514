output "function_name" {
  description = "Name of the function."
  value       = module.cf_purge.function_name
}
