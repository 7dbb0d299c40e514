variable "api_token_parameter" {
  description = "SSM SecureString with the API token."
  type        = string
  default     = "/prod/cloudflare/checked-token"
}

variable "offline" {
  description = "Plan without calling AWS, for CI without an account. Never apply with it."
  type        = bool
  default     = false
}
