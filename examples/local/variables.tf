variable "aws_endpoint" {
  description = "Base URL of the local AWS."
  type        = string
}

variable "cloudflare_api_url" {
  description = "Base URL of the simulated Cloudflare's API."
  type        = string
}

variable "cloudflare_edge_url" {
  description = "URL of the simulated edge, which the function requests as a visitor."
  type        = string
  default     = null
}

variable "verify" {
  description = "The module's input `verify`; the demo sets it."
  type        = object({ after_seconds = number })
  default     = null
}

variable "bucket" {
  description = "Name of the website's bucket."
  type        = string
  default     = "www.example.test"
}

variable "zone_id" {
  description = "Zone of the simulated Cloudflare that serves the bucket."
  type        = string
}

variable "api_token_parameter" {
  description = "SSM parameter with the API token; created before the apply, never by Terraform."
  type        = string
  default     = "/local/cloudflare/api-token"
}
