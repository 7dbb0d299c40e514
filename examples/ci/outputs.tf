output "function_name" {
  description = "Name of the function, to purge manually."
  value       = module.cf_purge.function_name
}
