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
